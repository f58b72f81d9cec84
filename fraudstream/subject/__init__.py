"""What the service holds on a card or an account, and how it forgets it.

`stock` folds the topics of a running service to all that names a token; `erasing` has it forgotten and waits
for those who keep it; `certificate` says what was done, and `remains` what Kafka still has, and until when.
"""
