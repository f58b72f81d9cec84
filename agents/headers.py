"""Reads the headers of a Kafka record, whatever bytes their sender wrote there."""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING, Final

from confluent_kafka import Message

if TYPE_CHECKING:
    from agents.runtime.records import Header, KafkaRecord

UNREADABLE_HEADER: Final = "fraudstream-headers-unreadable"
UNREADABLE: Final[Header] = (UNREADABLE_HEADER, b"true")
"""The one header that stands for headers that cannot be read."""


# The binding answers with headers and leaves an exception behind (confluent-kafka 2.16). A call through C
# finds that at once; the interpreter's own, once specialised for a busy line, lets it out somewhere else.
_headers = methodcaller("headers")


def read_headers(record: KafkaRecord) -> list[Header]:
    """Read a record's headers; those that cannot be read give `UNREADABLE` alone. Never raises.

    Kafka lets a header's name be any bytes, and the binding decodes it as UTF-8.
    """
    try:
        return list(_headers(record) or ())
    except (SystemError, UnicodeError):  # an exception of the binding, which the interpreter wraps
        if isinstance(record, Message):
            # Its second answer would hold null pointers (confluent-kafka 2.16), which crash Python.
            record.set_headers([UNREADABLE])
        return [UNREADABLE]
