"""The transactions of a backtest: simulated, or of a file of the bank's."""
