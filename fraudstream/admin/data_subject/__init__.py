"""The data that the service holds on a card or an account, and its erasure.

`inventory` folds the topics of a running service; `tracker` requests the erasure and waits for the agents;
`certificate` states what was erased and what Kafka retains, and until when.
"""
