"""What runs inside a worker: one module per agent, on the delivery engine in `agents.runtime`."""
