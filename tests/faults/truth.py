"""What the records of `transactions` must become, by the pure core alone: no Kafka, no worker, no fault."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.scoring import TransactionValidator
from models.reputations.store import ReputationStore
from models.scoring.pipeline import Scored, ScoringCore, Skipped
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.scoring.state import PROFILE_PREFIX
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from agents.scoring import Admitted
    from models.arrays import Singles
    from tests.faults.records import Stored

    Place = tuple[int, int]

_CHUNK = 100


class Fate(StrEnum):
    """What becomes of a record of `transactions`."""

    SCORED = "scored"
    REFUSED = "refused"
    """It is no transaction that may be scored, or it is poison: it becomes a dead letter."""
    REPEAT = "a repeat"
    """It is counted, and changes nothing."""
    LOST = "counted as lost"
    """The broker deleted it before it was read."""


@dataclass
class Truth:
    """What must be.

    Attributes:
        fates: by partition and offset of the record.
        names: transaction id of what is scored, by the same.
        features: the row that it is scored on, by the same; its reputations are empty.
        profiles: packed, by partition and changelog key.
    """

    fates: dict[Place, Fate] = field(default_factory=dict)
    names: dict[Place, str] = field(default_factory=dict)
    features: dict[Place, Singles] = field(default_factory=dict)
    profiles: dict[tuple[int, bytes], bytes | None] = field(default_factory=dict)


def fold(
    records: Iterable[Stored],
    poison: AbstractSet[bytes],
    unreadable: Iterable[Place] = (),
    lost: AbstractSet[Place] = frozenset(),
) -> Truth:
    """Fold `transactions`, each partition in its order."""
    truth, partitions = Truth(), defaultdict[int, list["Admitted"]](list)
    admission = TransactionValidator()
    truth.fates |= dict.fromkeys(unreadable, Fate.REFUSED)
    for record in records:
        truth.fates[record.place] = Fate.LOST if record.place in lost else Fate.REFUSED
        if record.value() in poison or record.place in lost:
            continue
        with suppress(InvalidMessage):
            partitions[record.of_partition].append(admission.admit(record))
    for number, admitted in partitions.items():
        _fold_partition(truth, number, admitted)
    return truth


def _fold_partition(truth: Truth, number: int, admitted: Sequence[Admitted]) -> None:
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    state = core.new_state()
    for start in range(0, len(admitted), _CHUNK):
        chunk = admitted[start : start + _CHUNK]
        offsets = [each.record.offset() for each in chunk]
        for offset, result in zip(
            offsets, core.process([each.transaction for each in chunk], offsets, state), strict=True
        ):
            _note(truth, (number, offset), result)
    truth.profiles |= {
        (number, key): payload for key, payload in state.changes() if key.startswith(PROFILE_PREFIX)
    }


def _note(truth: Truth, place: Place, result: Scored | Skipped) -> None:
    if isinstance(result, Scored):
        truth.fates[place] = Fate.SCORED
        truth.names[place] = result.transaction.transaction_id
        truth.features[place] = result.features
    else:
        assert result is Skipped.REPEAT, "a fold of each offset once replays nothing"
        truth.fates[place] = Fate.REPEAT
