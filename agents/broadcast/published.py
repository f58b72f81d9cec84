"""Which versions of a model are on topic `models`, for the learner that writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.signing import unseal
from schemas.errors import ErrorType, InvalidMessage
from schemas.snapshot import version_of

if TYPE_CHECKING:
    from schemas.control import ModelPin
    from schemas.snapshot import ModelSnapshot


class PublishedVersions:
    """The versions of one model, by their record keys.

    Only what is signed counts: else any record under the key of a high version would keep the learner from
    publishing for good.

    Args:
        name: of the model; other models' records are passed over.
        key: that models must be signed with.
    """

    def __init__(self, name: str, key: bytes) -> None:
        self._name = name
        self._key = key
        self._versions: set[int] = set()
        self.newest = 0
        """The newest version ever seen, 0 for none."""
        self._newest_by_log: dict[int, int] = {}
        self.pinned: int | None = None
        """A version that scorers are held to, which therefore stays."""

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Note one record of the topic (a handler of `Broadcast`).

        Raises:
            InvalidMessage: it holds no model that was signed with the key; nothing is noted.
        """
        version = version_of(key, self._name)
        if version is None:
            return
        if value is None:
            self._versions.discard(version)
            return
        snapshot, _ = unseal(value, self._key)
        if (snapshot.name, snapshot.version) != (self._name, version):
            raise InvalidMessage(ErrorType.KEY_MISMATCH, "the record's key is not that of its message")
        self._note(snapshot)

    def _note(self, snapshot: ModelSnapshot) -> None:
        self._versions.add(snapshot.version)
        self.newest = max(self.newest, snapshot.version)
        log = snapshot.examples_log or 0
        self._newest_by_log[log] = max(self._newest_by_log.get(log, 0), snapshot.version)

    def newest_elsewhere(self, log: int) -> int:
        """Newest version that was learned from another log; 0 for none, or where `log` is not known."""
        others = (version for known, version in self._newest_by_log.items() if known not in {0, log})
        return max(others, default=0) if log else 0

    def pin(self, pin: ModelPin | None) -> None:
        """Note which version scorers are held to, if it is of this model."""
        self.pinned = pin.model_version if pin is not None and pin.name == self._name else None

    def add(self, snapshot: ModelSnapshot, kept: int) -> list[bytes]:
        """Note a version that is published now; gives the keys of those to take back, so that `kept` stay.

        New ones stay close together and old ones ever further apart, so that `kept` of them reach far back.
        """
        self._note(snapshot)
        taken_back = []
        while len(self._versions) > kept and (version := self._least_missed()) is not None:
            self._versions.remove(version)
            taken_back.append(f"{self._name}@{version}".encode())
        return taken_back

    def take_back(self, after: int, until: int) -> list[bytes]:
        """Note that the versions above `after`, up to `until`, are taken back; gives their keys."""
        gone = sorted(version for version in self._versions if after < version <= until)
        self._versions.difference_update(gone)
        return [f"{self._name}@{version}".encode() for version in gone]

    def _least_missed(self) -> int | None:
        """The version, neither first, last nor pinned, whose neighbours are closest for their age."""
        ordered = sorted(self._versions)
        gaps = {
            version: (after - before) / (ordered[-1] - before)
            for before, version, after in zip(ordered, ordered[1:], ordered[2:], strict=False)
            if version != self.pinned
        }
        return min(gaps, key=gaps.__getitem__, default=None)
