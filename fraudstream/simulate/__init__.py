"""Simulated banks: seeded worlds of transactions, their late labels, and the stream made of both."""
