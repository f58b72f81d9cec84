"""Scoring records again without Kafka: the same core, the same admission, hence the same scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.core import Scored
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agents.dead_letters import KafkaRecord
    from agents.scoring import Admission, Admitted
    from models.core import ScoringCore


def replay(
    records: Iterable[KafkaRecord], core: ScoringCore, admission: Admission, *, chunk_size: int = 100
) -> Iterator[Scored]:
    """Score the records of `transactions`, each partition in its own order, and yield what was scored.

    Chunks may be of any size: a score depends on what came before it in its partition, never on its chunk.

    Args:
        records: as they stand in the topic; partitions may alternate.
        core: the model and the policy to score with.
        admission: which transactions are scored.
        chunk_size: transactions scored at once.
    """
    partitions: dict[int, list[Admitted]] = {}
    for record in records:
        try:
            admitted = admission.admit(record)
        except InvalidMessage:
            continue
        partitions.setdefault(record.partition(), []).append(admitted)
    for queue in partitions.values():
        yield from _score(queue, core, chunk_size)


def _score(queue: Sequence[Admitted], core: ScoringCore, chunk_size: int) -> Iterator[Scored]:
    state = core.new_state()
    for start in range(0, len(queue), chunk_size):
        chunk = queue[start : start + chunk_size]
        results = core.process(
            [each.transaction for each in chunk], [each.record.offset() for each in chunk], state
        )
        yield from (result for result in results if isinstance(result, Scored))
