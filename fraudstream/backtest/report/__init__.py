"""The report of a backtest: figures, plots and the HTML page."""
