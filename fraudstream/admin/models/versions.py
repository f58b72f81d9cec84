"""Lists the versions on topic `models` with the one in force, and pins scorers to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from fraudstream.admin.models.controls import ModelRefused, read_controls, signing_key
from fraudstream.kafka.read import expect_topics, topic_reader
from models.signing import unseal
from models.snapshots.scorer import checked_scorer
from models.snapshots.selector import PRIOR_VERSION
from schemas.control import MODEL, ModelPin
from schemas.errors import InvalidMessage
from schemas.snapshot import version_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from confluent_kafka import Message

    from fraudstream.settings import Settings
    from models.controls import Controls
    from schemas.snapshot import ModelSnapshot


@dataclass(frozen=True)
class Published:
    """One version on the topic.

    Attributes:
        version: as the record's key says.
        size: bytes of the record's value.
        snapshot: what it says of itself; None where it is refused, which may be anybody's words.
        fault: why it is refused, as a sentence without a full stop; None where it is not.
        is_signed: whether its signature is right, though it may be refused for what it is.
    """

    version: int
    size: int
    snapshot: ModelSnapshot | None
    fault: str | None
    is_signed: bool = True


@dataclass(frozen=True)
class Versions:
    """The versions of a model, oldest first, and the pin.

    Attributes:
        name: of the model.
        published: what is on the topic.
        pin: what an operator holds the scorers to.
    """

    name: str
    published: tuple[Published, ...]
    pin: ModelPin | None

    @property
    def signed(self) -> tuple[Published, ...]:
        """Those that scorers take."""
        return tuple(each for each in self.published if each.snapshot is not None)

    @property
    def newest(self) -> int:
        """The newest version that scorers take; 0, the prior model, where there is none."""
        return max((each.version for each in self.signed), default=PRIOR_VERSION)

    @property
    def base(self) -> int:
        """Version that the log of the newest began behind: those up to it were learned from another log."""
        snapshots = (each.snapshot for each in reversed(self.signed))
        return next((each.version - each.examples_offset - 1 for each in snapshots if each), 0)

    @property
    def in_force(self) -> int:
        """The version that scores: the pinned one, if it is there, else the newest."""
        held = {PRIOR_VERSION, *(each.version for each in self.signed)}
        is_held = self.pin is not None and self.pin.model_version in held
        return self.pin.model_version if self.pin is not None and is_held else self.newest

    def find(self, version: int) -> Published:
        """One version that scorers take.

        Raises:
            ModelRefused: it is not on the topic, or refused.
        """
        for each in self.published:
            if each.version == version and each.snapshot is None:
                raise ModelRefused(f"Scorers refuse version {version} of {self.name}: {each.fault}.")
            if each.version == version:
                return each
        raise ModelRefused(
            f"Version {version} of {self.name} is not on the topic: `fraudstream model list` shows those "
            "that are."
        )


def read_versions(settings: Settings) -> Versions:
    """Read topics `models` and `controls` whole.

    Raises:
        ModelRefused: no key is set, or there is no version at all.
        KafkaUnreachable: Kafka does not answer.
        TopicsRefused: a topic is missing.
    """
    key, name, topics = signing_key(settings), settings.learning.model, settings.topics.names()
    expect_topics(settings.kafka, topics.models)
    with topic_reader(settings) as reader:
        published = fold_models(reader.records([topics.models]), name, key)
    if not published:
        raise ModelRefused(f"Topic {topics.models} holds no version of {name} yet: the prior model scores.")
    return Versions(name, published, pin_of(read_controls(settings).controls, name))


def fold_models(records: Iterable[Message], name: str, key: bytes) -> tuple[Published, ...]:
    """The versions that the records of topic `models` leave, oldest first; other models' are passed over."""
    published: dict[int, Published] = {}
    for record in records:
        version, value = version_of(record.key(), name), record.value()
        if version is None:
            continue
        if value is None:
            published.pop(version, None)
        else:
            published[version] = _published(version, f"{name}@{version}", value, key)
    return tuple(published[version] for version in sorted(published))


def pin_of(controls: Controls, name: str) -> ModelPin | None:
    """The pin of a model, if one is in force."""
    chosen = controls.in_force.get(MODEL)
    return chosen if isinstance(chosen, ModelPin) and chosen.name == name else None


def _published(version: int, scored_by: str, value: bytes, key: bytes) -> Published:
    try:
        snapshot, onnx = unseal(value, key)
    except InvalidMessage as refusal:
        return Published(version, len(value), None, refusal.reason, is_signed=False)
    if snapshot.scored_by != scored_by:
        fault = "its record has the key of another version"
        return Published(version, len(value), None, fault, is_signed=False)
    try:
        checked_scorer(snapshot, onnx, snapshot.features_version)
    except InvalidMessage as refusal:
        return Published(version, len(value), None, refusal.reason)
    return Published(version, len(value), snapshot, None)


def choose(versions: Versions, version: int, issued_at: datetime, remark: str | None = None) -> ModelPin:
    """What holds the scorers to a version that they have.

    Args:
        versions: what is on the topic.
        version: the one to score by; 0 for the prior model.
        issued_at: the time of now.
        remark: why, for whoever looks at it later.

    Raises:
        ModelRefused: the version is not on the topic, or scorers refuse it; or the remark is too long.
    """
    if version != PRIOR_VERSION:
        versions.find(version)
    try:
        return ModelPin(name=versions.name, model_version=version, issued_at=issued_at, remark=remark)
    except ValidationError as error:
        raise ModelRefused("The remark cannot be stored: give it fewer characters, on one line.") from error


def version_before(versions: Versions) -> int:
    """The version on the topic before the one in force.

    Raises:
        ModelRefused: there is none.
    """
    before = [each.version for each in versions.signed if each.version < versions.in_force]
    if before:
        return max(before)
    if versions.in_force == PRIOR_VERSION:
        raise ModelRefused("The prior model is in force, and there is no version before it.")
    raise ModelRefused(
        f"No version before {versions.in_force} is on the topic: `fraudstream model pin prior` goes back to "
        "the prior model."
    )
