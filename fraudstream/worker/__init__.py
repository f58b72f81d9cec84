"""The worker process: its checks before the start, its composition from settings, and its main program."""
