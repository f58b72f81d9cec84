"""Snapshots: the model that learns, its calibrated copy as a signed record, and the choice among copies.

`online_model` publishes, `scorer` checks and scores, `selector` chooses the one in force.
"""
