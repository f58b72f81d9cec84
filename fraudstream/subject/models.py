"""Which versions of the model may have learnt a subject's examples, and what a pin on one of them means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.errors import FraudstreamError
from fraudstream.model_admin.controls import read_controls
from fraudstream.model_admin.reading import log
from fraudstream.model_admin.versions import Versions, fold_models, pin_of

if TYPE_CHECKING:
    from fraudstream.settings import Settings
    from fraudstream.subject.stock import Stock


class ErasureRefused(FraudstreamError):
    """An erasure cannot be begun as things are; the text is one sentence."""


def read_models(settings: Settings, key: bytes) -> tuple[Versions, tuple[str, ...]]:
    """The versions of the model, and the names of other models on the topic."""
    topics, name = settings.topics.names(), settings.learning.model
    with log(settings.kafka, topics.models) as models:
        records = list(models.records())
    names = {(record.key() or b"").decode(errors="replace").rpartition("@")[0] for record in records}
    versions = Versions(name, fold_models(records, name, key), pin_of(read_controls(settings).controls, name))
    return versions, tuple(sorted(names - {name, ""}))


def refuse_pin(versions: Versions, stock: Stock) -> None:
    """See that no pin holds the scorers to a version that learnt the subject's examples.

    Raises:
        ErasureRefused: one does.
    """
    pin = versions.pin
    if pin is None or pin.model_version not in stained(versions, stock):
        return
    others = [each.version for each in versions.signed if each.version not in stained(versions, stock)]
    raise ErasureRefused(
        f"Version {pin.model_version} of {versions.name} is pinned and may have learnt what is to be erased: "
        "run `fraudstream model unpin`, or pin "
        + (f"version {max(others)} or the prior model." if others else "the prior model.")
    )


def stained(versions: Versions, stock: Stock, mark: int | None = None) -> list[int]:
    """The versions that may have learnt the subject's examples, as of a stock taken before the erasure.

    Those of a log that is not there any more are among them: nobody can tell what they learned.
    """
    base, first = versions.base, [each.offset for each in stock.examples[:1]]
    return [
        each.version
        for each in versions.signed
        if (each.version <= base or (first and each.version > base + first[0]))
        and (mark is None or each.version <= base + mark)
    ]
