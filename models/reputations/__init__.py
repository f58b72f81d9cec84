"""Reputations: the decayed share of frauds of each merchant, payee, device and so on, from outcomes.

The ledger folds outcomes in the reputation agent; the store gives a scorer the newest value of each key.
"""
