"""The backtest: all candidates score the same past, and learn from labels as late as they were.

The online candidates run the service's own core, labelling, reputations and learner in one process
(`loop.py`); a test holds it to the stream. Yardsticks learn in batches from the same features. Each candidate
leaves one score a transaction, and all are judged by the same protocol (`protocols.py`).
"""
