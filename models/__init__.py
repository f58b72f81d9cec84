"""The computations: profiles, reputations, scoring, labelling, learners, snapshots and quality.

Nothing here does I/O, reads a clock or draws a random number without a seed.
"""
