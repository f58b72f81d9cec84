"""Scoring: features, scorer, reasons and policy, put together in `pipeline`.

The scoring agent, the backtest and the benchmarks score by `pipeline` alone.
"""
