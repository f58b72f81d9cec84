"""Scoring records again without Kafka: the same core, the same admission, hence the same scores."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, cast

from agents.erasures import Erasures
from models.scoring.pipeline import Scored
from schemas.erasure import Entry, Erasure
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agents.runtime.records import KafkaRecord
    from agents.scoring import Admitted, TransactionValidator
    from models.scoring.pipeline import ScoringCore
    from models.scoring.state import SubjectState


def replay(
    records: Iterable[KafkaRecord],
    core: ScoringCore,
    admission: TransactionValidator,
    *,
    chunk_size: int = 100,
    key: bytes | None = None,
) -> Iterator[Scored]:
    """Score the records of `transactions`, each partition in its own order, and yield what was scored.

    Chunks may be of any size: a score depends on what came before it in its partition, never on its chunk.

    Args:
        records: as they stand in the topic; partitions may alternate.
        core: the model and the policy to score with.
        admission: which transactions are scored.
        chunk_size: transactions scored at once.
        key: that erasures among the records are signed with; without one they are passed over.
    """
    take = Erasures(key, Entry.TRANSACTIONS).beside(admission.admit)
    partitions: dict[int, list[Admitted | Erasure]] = {}
    for record in records:
        try:
            taken = take(record)
        except InvalidMessage:
            continue
        partitions.setdefault(record.partition(), []).append(taken)
    for queue in partitions.values():
        yield from _score(queue, core, chunk_size)


def _score(queue: Sequence[Admitted | Erasure], core: ScoringCore, chunk_size: int) -> Iterator[Scored]:
    state = core.new_state()
    for kind, run in groupby(queue, type):
        if kind is Erasure:
            for erasure in cast("Iterable[Erasure]", run):
                state.erase(erasure)
        else:
            yield from _score_run(cast("list[Admitted]", [*run]), core, state, chunk_size)


def _score_run(
    queue: Sequence[Admitted], core: ScoringCore, state: SubjectState, chunk_size: int
) -> Iterator[Scored]:
    for start in range(0, len(queue), chunk_size):
        chunk = queue[start : start + chunk_size]
        results = core.process(
            [each.transaction for each in chunk], [each.record.offset() for each in chunk], state
        )
        yield from (result for result in results if isinstance(result, Scored))
