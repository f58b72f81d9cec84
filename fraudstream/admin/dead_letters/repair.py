"""How each kind of fault is mended, and what is sent of a letter: nothing that would be refused again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka import Message

from agents.dead_letters import as_it_came
from fraudstream.admin.dead_letters.log import REPLAY_HEADER, DeadLettersRefused
from fraudstream.worker.compose import admission, privacy
from schemas.errors import ErrorType, InvalidMessage
from schemas.fields.pan import contains_pan
from schemas.label import decode_label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.runtime.records import Outgoing
    from fraudstream.admin.dead_letters.log import StoredDeadLetter
    from fraudstream.settings import Settings
    from schemas.score import Source

    Fetch = Callable[[Source], Message | None]

_EDIT: Final = "edit the value (`replay PLACE --value FILE`)"

REMEDIATION: Final[Mapping[ErrorType, str]] = {
    ErrorType.NO_VALUE: "It is a tombstone, which says nothing here: nothing is lost, so leave it.",
    ErrorType.NOT_JSON: f"Mend the sender's encoding; then {_EDIT}.",
    ErrorType.TOO_LARGE: f"Take out what the contract does not know; then {_EDIT}.",
    ErrorType.TOO_DEEP: f"Take out the nested part; then {_EDIT}.",
    ErrorType.MISSING_FIELD: f"Fill the field in; then {_EDIT}.",
    ErrorType.INVALID_TYPE: f"Send the field in the type of the contract; then {_EDIT}.",
    ErrorType.INVALID_VALUE: f"Correct the field; then {_EDIT}.",
    ErrorType.UNKNOWN_CODE: f"Correct the code, or update a service that does not know it; then {_EDIT}.",
    ErrorType.INVALID_AMOUNT: f"Write the amount as a decimal string of its currency; then {_EDIT}.",
    ErrorType.INVALID_TIME: f"Write the time as RFC 3339 with its offset; then {_EDIT}.",
    ErrorType.FUTURE_TIME: (
        "Set the sender's clock right, or raise FRAUDSTREAM_SCORING__FUTURE_SKEW_SECONDS; then replay, "
        f"or {_EDIT}."
    ),
    ErrorType.PAN: (
        "Put a token or keyed hash in the place of the card number, at the sender first (a hash of 32 "
        "hexadecimal digits always passes, where an id only looks like one); then replay it with "
        "`--value FILE`, and with `--key TOKEN` where the key was the number."
    ),
    ErrorType.IBAN: (
        "Put a token or keyed hash in the place of the IBAN, at the sender first; then replay it with "
        "`--value FILE`, and with `--key TOKEN` where the key was the IBAN."
    ),
    ErrorType.EMPTY_KEY: "Have the sender set the key; then replay it with `--key TOKEN`.",
    ErrorType.KEY_MISMATCH: "Have the sender set the key right; then replay it with `--key TOKEN`.",
    ErrorType.BAD_SIGNATURE: "Its writer has another signing key, or is none of ours: find out who wrote it.",
    ErrorType.UNSOUND_MODEL: "The model does not score as it says: nothing is lost, so leave it.",
    ErrorType.OLD_VERSION: "It was written before what is in force: nothing is lost, so leave it.",
    ErrorType.OLD_CONTROL: "It was signed before what is in force: nothing is lost, so leave it.",
    ErrorType.FEATURES_MISMATCH: "It is of another release's features: nothing is lost, so leave it.",
    ErrorType.UNREADABLE_BATCH: (
        "Nothing of it can be read, so there is nothing to replay: find its sender by the position, and "
        "have it send the messages again, less compressed."
    ),
    ErrorType.RECORDS_LOST: (
        "The topic deleted them before they were read, so there is nothing to replay: have their sender send "
        "them again, and raise the topic's retention.ms."
    ),
    ErrorType.AMBIGUOUS_LABEL: "Set event_time to that of the transaction that it is about; then replay it.",
    ErrorType.INTERNAL_ERROR: "Update the service to a release without this fault; then replay it unchanged.",
}
"""A sentence for each kind of fault."""


@dataclass(frozen=True)
class Fix:
    """What an operator changes; None leaves a part as it came."""

    value: bytes | None = None
    key: bytes | None = None


UNCHANGED: Final = Fix()


@dataclass(frozen=True)
class FixedMessage:
    """What is to be sent of a letter.

    Attributes:
        letter: whose message it is.
        record: key, value, headers with the mark of the replay, timestamp.
        partition: of the source topic, as it came while the key is as it came, else -1: the key chooses.
        is_edited: whether key or value are others than those that came.
    """

    letter: StoredDeadLetter
    record: Outgoing
    partition: int
    is_edited: bool


class Repairer:
    """Makes of letters what can be sent.

    Args:
        settings: say what the service refuses.
        fetch: gives the message at a source position, None where it is gone.
    """

    def __init__(self, settings: Settings, fetch: Fetch) -> None:
        topics, rules = settings.topics.names(), privacy(settings)
        self._fetch = fetch
        self._card_prefixes = rules.card_prefixes
        self._checks: Mapping[str, Callable[[Message], object]] = {
            topics.transactions: admission(settings).admit,
            topics.labels: lambda message: decode_label(message.value() or b"", rules),
        }

    def mend(self, letter: StoredDeadLetter, mend: Fix) -> FixedMessage:
        """Make what is to be sent of a letter.

        Raises:
            DeadLettersRefused: it cannot be sent, or would be refused again.
        """
        check = self._checks.get(letter.why.topic)
        if check is None:
            raise DeadLettersRefused(
                f"{letter.place} came from {letter.why.topic}, which the service itself writes in "
                "order, so it is not replayed."
            )
        if letter.is_position_only:
            raise DeadLettersRefused(f"{letter.place}: {_uncapitalised(REMEDIATION[letter.why.error_type])}")
        whole = self._whole(letter, mend)
        key = whole.key if mend.key is None else mend.key
        record = whole._replace(
            key=key,
            value=whole.value if mend.value is None else mend.value,
            headers=[
                *(header for header in whole.headers if header[0] != REPLAY_HEADER),
                (REPLAY_HEADER, str(letter.place).encode()),
            ],
        )
        _refuse_what_stays_wrong(letter, record, check)
        partition = letter.why.partition if key == whole.key else -1
        return FixedMessage(letter, record, partition, mend != UNCHANGED)

    def _whole(self, letter: StoredDeadLetter, mend: Fix) -> Outgoing:
        """The message as it came, or as much of it as may be sent again."""
        if not (letter.is_masked or letter.is_omitted):
            return letter.came
        what = "has its card numbers masked" if letter.is_masked else "was not kept"
        if letter.is_masked and mend.value is None:
            raise DeadLettersRefused(f"{letter.place} {what}: give a mended value with --value.")
        if letter.is_masked and mend.key is not None:
            return letter.came
        found = self._fetch(letter.source)
        if found is None:
            raise DeadLettersRefused(
                f"{letter.place} {what}, and {letter.why.topic} does not hold it any more at offset "
                f"{letter.why.offset} of partition {letter.why.partition}: have it sent again by its sender."
            )
        key = found.key()
        if mend.key is None and contains_pan(key or b"", self._card_prefixes):
            raise DeadLettersRefused(f"The key of {letter.place} is a card number: give a token with --key.")
        return as_it_came(found) if letter.is_omitted else letter.came._replace(key=key)


def _refuse_what_stays_wrong(
    letter: StoredDeadLetter, record: Outgoing, check: Callable[[Message], object]
) -> None:
    """See that the service takes the message now, by the rules that its agents go by."""
    message = Message(
        topic=letter.why.topic,
        partition=letter.why.partition,
        offset=letter.why.offset,
        key=record.key,
        value=record.value,
        timestamp=(1, record.timestamp_ms or 0),
    )
    try:
        check(message)
    except InvalidMessage as refusal:
        raise DeadLettersRefused(
            f"{letter.place} would be refused again ({refusal.error_type}: {refusal}): "
            f"{_uncapitalised(REMEDIATION[refusal.error_type])}"
        ) from refusal


def _uncapitalised(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
