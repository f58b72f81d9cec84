"""The candidates of a backtest: the service's own loop and the baselines that it is compared with."""
