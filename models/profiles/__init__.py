"""Profiles: decayed sums of what each card and account did, as rows of one array.

`models.scoring` reads and folds them; the commands that repair profiles import `merge`.
"""
