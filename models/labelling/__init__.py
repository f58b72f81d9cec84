"""Labels joined to transactions: pending transactions, the watermark, and the sample of genuine ones.

The labelling agent and the backtest import it.
"""
