"""Holds every scorer to one version of the model, by a record on topic `controls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from fraudstream.model_admin.reading import ModelRefused
from models.snapshots.selector import PRIOR_VERSION
from schemas.control import ModelPin

if TYPE_CHECKING:
    from datetime import datetime

    from fraudstream.model_admin.versions import Versions


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
