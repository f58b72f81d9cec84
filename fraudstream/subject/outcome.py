"""What an erasure came to, store by store, for its certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.subject.certificate import Model, ModelChange, Status, Store
from fraudstream.subject.models import stained

if TYPE_CHECKING:
    from agents.topics import Topics
    from fraudstream.model_admin.versions import Versions
    from fraudstream.subject.following import Progress
    from fraudstream.subject.stock import Stock


def stores(stock: Stock, left: Stock, progress: Progress, topics: Topics) -> tuple[Store, ...]:
    """What became of each store, by what was held before and what is held after."""
    held = {
        "profile": (topics.transactions, len(stock.profiles), len(left.profiles)),
        "labelling": (topics.scores, len(stock.rows), len(left.rows)),
        "labels": (topics.labels_keyed, 0, 0),
        "reputations": (topics.outcomes, len(stock.reputations), len(left.reputations)),
        "examples": (topics.examples, len(stock.examples), len(left.examples)),
    }
    return tuple(
        Store(
            store=name,
            held=before,
            left=after,
            status=progress.status(topic, before),
            erasure=progress.told(topic),
        )
        for name, (topic, before, after) in held.items()
    )


def model_change(
    stock: Stock,
    progress: Progress,
    topics: Topics,
    before: Versions,
    after: Versions,
    others: tuple[str, ...],
) -> ModelChange:
    """What became of the model."""
    learnt = stained(before, stock)
    mark = max((offset for _, offset in progress.places.get(topics.examples, [])), default=None)
    is_pending = topics.examples not in progress.done or bool(stained(after, stock, mark))
    status = Status.ERASED if learnt else Status.NOTHING_HELD
    return ModelChange(
        name=before.name,
        examples=len(stock.examples),
        before=_in_force(before),
        after=_in_force(after),
        taken_back=tuple(version for version in learnt if version not in stained(after, stock, mark)),
        status=Status.PENDING if is_pending else status,
        others=others,
    )


def _in_force(versions: Versions) -> Model:
    digests = {each.version: each.snapshot.onnx_sha256 for each in versions.signed if each.snapshot}
    return Model(version=versions.in_force, sha256=digests.get(versions.in_force))
