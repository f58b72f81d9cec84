"""The labelling agent, and its store of pending transactions on disk."""
