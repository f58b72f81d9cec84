"""Erases a card or an account, and reports store by store what was erased and what remains.

One signed record on `transactions` begins it. Each agent that takes it erases, and passes it on behind what
it had sent before. So nothing here writes to a state, a store or a changelog that a worker owns.

Kafka removes segments, never single records; RocksDB rewrites its files without what was deleted. The report
says until when such records are retained.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from fraudstream.admin.data_subject.certificate import (
    Certificate,
    ErasureStatus,
    Model,
    ModelChange,
    Remainder,
    Store,
    token_hmac,
)
from fraudstream.admin.data_subject.inventory import take_stock
from fraudstream.admin.data_subject.tracker import ErasureTracker, read_models, refuse_pin, stained
from fraudstream.kafka.admin import kafka_admin
from fraudstream.kafka.topics import read_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from agents.topics import Topics
    from fraudstream.admin.data_subject.inventory import Holding, Inventory
    from fraudstream.admin.data_subject.tracker import ErasureProgress, Request
    from fraudstream.admin.models.versions import Versions
    from fraudstream.kafka.topics import TopicState
    from fraudstream.settings import Settings


def stores(stock: Inventory, left: Inventory, progress: ErasureProgress, topics: Topics) -> tuple[Store, ...]:
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
    stock: Inventory,
    progress: ErasureProgress,
    topics: Topics,
    before: Versions,
    after: Versions,
    others: tuple[str, ...],
) -> ModelChange:
    """What became of the model."""
    learnt = stained(before, stock)
    mark = max((offset for _, offset in progress.places.get(topics.examples, [])), default=None)
    is_pending = topics.examples not in progress.done or bool(stained(after, stock, mark))
    status = ErasureStatus.ERASED if learnt else ErasureStatus.NOTHING_HELD
    return ModelChange(
        name=before.name,
        examples=len(stock.examples),
        before=_in_force(before),
        after=_in_force(after),
        taken_back=tuple(version for version in learnt if version not in stained(after, stock, mark)),
        status=ErasureStatus.PENDING if is_pending else status,
        others=others,
    )


def _in_force(versions: Versions) -> Model:
    digests = {each.version: each.snapshot.onnx_sha256 for each in versions.signed if each.snapshot}
    return Model(version=versions.in_force, sha256=digests.get(versions.in_force))


def erase(
    settings: Settings,
    key: bytes,
    request: Request,
    *,
    patience: float,
    say: Callable[[str], None],
    clock: Callable[[], datetime],
) -> Certificate | None:
    """Have all that is held on a card or an account forgotten.

    Args:
        settings: where the service is.
        key: signs erasure and certificate.
        request: what is asked for.
        patience: seconds to wait for the workers.
        say: is told in sentences what is waited for.
        clock: gives the time of now.

    Returns:
        What was done; None where nothing is held, and nothing was written.

    Raises:
        ErasureRefused: a pin holds the scorers to a model that learnt what is to be erased.
        KafkaUnreachable: Kafka does not answer.
    """
    stock = take_stock(settings, request.subject)
    if stock.is_empty:
        return None
    before, others = read_models(settings, key)
    refuse_pin(before, stock)
    progress, after = ErasureTracker(settings, key, request, patience, say).run(stock, before)
    left = take_stock(settings, request.subject)
    with kafka_admin(settings.kafka) as admin:
        configs = read_topics(admin, list(left.holdings))
    now = clock()
    topics = settings.topics.names()
    return Certificate(
        erasure_id=request.erasure_id,
        token_hmac=token_hmac(request.subject, key),
        issued_at=request.issued_at,
        completed_at=now,
        code_version=version("fraudstream"),
        stores=stores(stock, left, progress, topics),
        model=model_change(stock, progress, topics, before, after, others),
        remains=(*remains(left.holdings, configs, now), *labelling_files(len(stock.rows))),
    )


FILES: Final = "labelling's files"
"""In the place of a topic's name."""
_NEVER_MS: Final = 100 * 365 * 24 * 60 * 60 * 1000
"""Longer is no date: Kafka's default for compaction is 292 million years."""


def remains(
    holdings: Mapping[str, Holding], topics: Mapping[str, TopicState], now: datetime
) -> Iterator[Remainder]:
    """What is left of each topic.

    Args:
        holdings: what was found after the erasure, by topic.
        topics: their settings on the broker.
        now: the time of now.
    """
    for name, holding in holdings.items():
        until, why = _fate(topics[name].config, holding.last or now, now)
        yield Remainder(
            topic=name,
            records=holding.total,
            first=holding.first,
            last=holding.last,
            until=until,
            why=why,
        )


def labelling_files(kept: int) -> Iterator[Remainder]:
    """What may be left in the files of labelling, which nothing but its worker can look into.

    Args:
        kept: transactions of the subject that it kept.
    """
    if kept:
        yield Remainder(
            topic=FILES,
            records=0,
            first=None,
            last=None,
            until=None,
            why="deleted from the store; the worker then writes its files again without them, looks through "
            "them and reports that in its log: this certificate did not look into them",
        )


def _fate(config: Mapping[str, str], last: datetime, now: datetime) -> tuple[datetime | None, str]:
    if not config:
        return None, "these credentials may not read the topic's configuration (DescribeConfigs)"
    return _compacted(config, now) if "compact" in config["cleanup.policy"] else _logged(config, last)


def _logged(config: Mapping[str, str], last: datetime) -> tuple[datetime | None, str]:
    """A segment goes when its newest record is old enough, and takes that long to fill at most."""
    retention = int(config["retention.ms"])
    if not 0 <= retention < _NEVER_MS:
        return None, "the topic is kept for ever: set retention.ms to have them removed"
    until = last + timedelta(milliseconds=retention + int(config["segment.ms"]))
    return until, "Kafka removes them with their segment, after retention.ms and at most segment.ms"


def _compacted(config: Mapping[str, str], now: datetime) -> tuple[datetime | None, str]:
    """An older value goes when its segment is compacted, which a lag forces; later the deletion goes."""
    lag = int(config["max.compaction.lag.ms"])
    if lag >= _NEVER_MS:
        return None, "deleted; Kafka compacts older values away, and max.compaction.lag.ms would set a date"
    until = now + timedelta(milliseconds=2 * lag + int(config["delete.retention.ms"]))
    return until, "deleted; Kafka compacts older values away, and later the deletion itself"
