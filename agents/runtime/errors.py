"""Why a worker leaves: one class, one sentence each.

```
DeliveryError
 +-- Fenced            another worker owns what this one wanted to commit
 +-- PartitionsLost    the group gave this worker's partitions away
 +-- OutputFailed      a record that the agents wrote did not reach the broker
 +-- RestoreFailed     state could not be read back from its changelog
 +-- KafkaUnavailable  the brokers did not answer when the worker started
```

After any of them the state in memory is void: the process leaves and its successor starts from the last commit.
"""

from __future__ import annotations


class DeliveryError(Exception):
    """A promise of the delivery engine can no longer be kept by this process."""


class Fenced(DeliveryError):
    """The broker refused a commit, because a newer member or producer has taken this worker's place."""


class PartitionsLost(DeliveryError):
    """The session expired, so that others may own the partitions already."""


class OutputFailed(DeliveryError):
    """A record was not delivered within librdkafka's own retries and time limit."""


class RestoreFailed(DeliveryError):
    """A changelog could not be read to its end."""


class KafkaUnavailable(DeliveryError):
    """No broker answered in time at the start."""
