"""The reasons for which a worker leaves: one class, one sentence each.

```
DeliveryError
 +-- Fenced            another worker owns what this one wanted to commit
 +-- PartitionsLost    the group gave this worker's partitions away
 +-- OutputFailed      a record that the agents wrote did not reach the broker
 +-- Unfinished        an agent left a chunk half done
 +-- LogReplaced       a topic was made anew while it was read
 +-- OffsetBeyondEnd   the group committed an offset that the topic does not reach
 +-- RestoreFailed     state could not be read back from its changelog
 +-- KafkaUnavailable  the brokers did not answer when the worker started
```

After any of them the state in memory is void: the process leaves and its successor starts from the last
commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from confluent_kafka import KafkaError as Code
from confluent_kafka import KafkaException

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

_TRANSIENT = frozenset(
    {
        Code._TRANSPORT,  # noqa: SLF001 - librdkafka's own codes begin so
        Code._ALL_BROKERS_DOWN,  # noqa: SLF001
        Code._RESOLVE,  # noqa: SLF001
        Code._TIMED_OUT,  # noqa: SLF001
        Code._WAIT_COORD,  # noqa: SLF001
        Code.REQUEST_TIMED_OUT,
        Code.NETWORK_EXCEPTION,
        Code.COORDINATOR_LOAD_IN_PROGRESS,
        Code.COORDINATOR_NOT_AVAILABLE,
        Code.NOT_COORDINATOR,
    }
)


class DeliveryError(Exception):
    """A promise of the delivery engine can no longer be kept by this process."""

    is_for_people: ClassVar = True


class Fenced(DeliveryError):
    """The broker refused a commit, because a newer member or producer has taken this worker's place."""


class PartitionsLost(DeliveryError):
    """The session expired, so that others may own the partitions already."""


class OutputFailed(DeliveryError):
    """A record was not delivered within librdkafka's own retries and time limit."""


class Unfinished(DeliveryError):
    """A chunk was left half done, so that neither the agent's state nor its outputs may be committed."""


class LogReplaced(DeliveryError):
    """Another log stands behind a topic's name: the next start reads it from its beginning."""


class OffsetBeyondEnd(DeliveryError):
    """The committed offset is not of this log, and the broker gives no id that would show it."""


class RestoreFailed(DeliveryError):
    """A changelog could not be read to its end."""


class KafkaUnavailable(DeliveryError):
    """No broker answered in time at the start."""


def is_transient(error: KafkaError) -> bool:
    """Tell whether the same request may succeed once the brokers can be reached again."""
    return bool(error.retriable()) or error.code() in _TRANSIENT


def sentence(failure: BaseException) -> str:
    """Say in one line what happened.

    Of an error that is not for people only the class is named: its text may quote a message.
    """
    name = type(failure).__name__
    return f"{name}: {failure}" if is_for_people(failure) else name


def is_for_people(failure: BaseException) -> bool:
    """Tell whether an error's text is a sentence for people that never quotes a message.

    Ours say so by a class attribute `is_for_people`; those of Kafka and of the system name topics, addresses
    and files.
    """
    return getattr(failure, "is_for_people", False) or isinstance(failure, KafkaException | OSError)
