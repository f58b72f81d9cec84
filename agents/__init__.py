"""The agents that a worker runs, on the delivery engine in `agents.runtime`."""
