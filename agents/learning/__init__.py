"""The learning agent, its checkpoint on disk, and learning again from the examples."""
