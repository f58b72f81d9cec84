"""Learners of one row at a time, and their trees as ONNX.

`models.snapshots.online_model` holds a learner; everything else asks `base.make_learner` for one by its name.
"""
