"""The messages of every topic, as pydantic models.

`fields` has the types of single fields, `export` the documents for other systems.
"""
