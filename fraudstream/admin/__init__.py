"""The commands that look after a running service, from models and dead letters to the doctor.

`fraudstream.cli` imports it; workers do not.
"""
