"""Checks of what scorers score by: the newest snapshot, its signature, its age, and the pin."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from fraudstream.admin.doctor.finding import Finding, problem, warning, well
from fraudstream.admin.doctor.machine import own_version
from fraudstream.admin.models.controls import ModelRefused, read_controls
from fraudstream.admin.models.versions import read_versions
from fraudstream.kafka.topics import TopicsRefused
from models.decay import DAY
from models.scoring.features import FEATURES_VERSION
from models.snapshots.selector import PRIOR_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from fraudstream.admin.models.controls import ControlLog
    from fraudstream.admin.models.versions import Versions
    from fraudstream.settings import Settings
    from schemas.snapshot import ModelSnapshot


def check_models(settings: Settings, *, clock: Callable[[], float] = time.time) -> Iterator[Finding]:
    """The versions on topic `models` and the pin on `controls` (`clock` gives epoch seconds).

    Raises:
        KafkaUnreachable: Kafka does not give them.
    """
    if settings.learning.signing_key is None:
        mend = "set FRAUDSTREAM_LEARNING__SIGNING_KEY to what the learning side has"
        yield warning("models", f"Without a signing key a scorer keeps to the prior model: {mend}.")
        return
    try:
        versions = read_versions(settings)
    except TopicsRefused:
        return  # `check_topics` has said so
    except ModelRefused as nothing_there:
        yield well("models", str(nothing_there))
        return
    yield from judge_models(versions, settings, clock())


def check_controls(settings: Settings) -> Iterator[Finding]:
    """What is in force by topic `controls`, and what of it scorers refuse.

    Raises:
        KafkaUnreachable: Kafka does not give the records.
    """
    if settings.learning.signing_key is None:
        return  # `check_models` has said so
    with suppress(TopicsRefused):  # `check_topics` has said so
        yield from judge_controls(read_controls(settings))


def judge_controls(found: ControlLog) -> Iterator[Finding]:
    """Judge what is on the topic; a record that is refused stays there, so it is no problem for ever."""
    for offset, reason in found.refused[-1:]:
        yield warning(
            "controls",
            f"Scorers refuse {len(found.refused)} control(s), the last at offset {offset}, because {reason}: "
            "see who may write to the topic, and that operators have the workers' signing key.",
        )
    held = [
        f"{name} ({each.kind}) since {_day(each.issued_at)}" for name, each in found.controls.in_force.items()
    ]
    if not found.refused:
        yield well(
            "controls", f"In force: {', '.join(held)}." if held else "The settings hold: no control is set."
        )


def judge_models(versions: Versions, settings: Settings, now: float) -> Iterator[Finding]:
    """Judge what is on the topics at `now` (epoch s)."""
    refused = [each for each in versions.published if each.fault is not None]
    if refused:
        newest = refused[-1]
        yield problem(
            "models",
            f"Scorers refuse {len(refused)} version(s) of {versions.name} on the topic, the newest, "
            f"{newest.version}, because {newest.fault}: see that all workers have the same signing key, and "
            "who may write to the topic.",
        )
    if versions.signed:
        snapshot = versions.signed[-1].snapshot
        assert snapshot is not None, "it is signed"
        yield from _snapshot(snapshot, settings, now)
    yield from _pin(versions)


def _snapshot(snapshot: ModelSnapshot, settings: Settings, now: float) -> Iterator[Finding]:
    age, name = now - snapshot.created_at.timestamp(), snapshot.scored_by
    found = [*_unfit(snapshot, settings)]
    if age > settings.labelling.horizon_days * DAY:
        found.append(
            warning(
                "models",
                f"The newest model, {name}, is {age / DAY:.0f} days old: see that a worker with the agents "
                "labelling, reputation and learning runs, and that labels come.",
            )
        )
    yield from found or [
        well("models", f"The newest model, {name}, is rightly signed, fits, and is {_span(age)} old.")
    ]


def _unfit(snapshot: ModelSnapshot, settings: Settings) -> Iterator[Finding]:
    """What of the newest model goes with other settings, or with another release, than these."""
    name, learner, chosen = snapshot.scored_by, snapshot.learner, settings.learning
    if snapshot.features_version != FEATURES_VERSION:
        yield problem(
            "models",
            f"{name} takes version {snapshot.features_version} of the features and this release makes "
            f"{FEATURES_VERSION}, so scorers refuse it: run one release on both sides.",
        )
    if (learner.algorithm, learner.seed) != (chosen.algorithm, chosen.seed):
        yield warning(
            "models",
            f"{name} was learnt by {learner.algorithm} from seed {learner.seed}, and these settings say "
            f"{chosen.algorithm} from {chosen.seed}: give all workers the same FRAUDSTREAM_LEARNING__ "
            "settings, or another learner another FRAUDSTREAM_LEARNING__MODEL.",
        )
    if learner.code_version != own_version():
        yield warning(
            "models",
            f"{name} was learnt by fraudstream {learner.code_version}, and this is {own_version()}: run one "
            "release on both sides.",
        )


def _pin(versions: Versions) -> Iterator[Finding]:
    pin = versions.pin
    if pin is None:
        return
    what = "the prior model" if pin.model_version == PRIOR_VERSION else f"version {pin.model_version}"
    when = _day(pin.issued_at) + ("" if pin.remark is None else f" ({pin.remark})")
    if versions.in_force != pin.model_version:
        yield problem(
            "controls",
            f"Scorers are held to {what} of {versions.name} since {when}, which is not on the topic, so the "
            "newest scores: pin another, or `fraudstream model unpin`.",
        )
    elif versions.in_force != versions.newest:
        yield warning(
            "controls",
            f"Scorers are held to {what} of {versions.name} since {when}, and {versions.newest} is the "
            "newest: `fraudstream model unpin` lets it score.",
        )


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d}"


def _span(seconds: float) -> str:
    """A time in the largest of seconds, hours and days that leaves a number to look at."""
    for unit, length in (("days", DAY), ("hours", 3_600.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
