"""Quality of the scores and drift of the features, measured on matured transactions.

The labelling agent, the learner's live figures and the backtest import it.
"""
