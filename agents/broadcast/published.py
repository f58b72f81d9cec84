"""Which versions of a model are on topic `models`, for the learner that writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.snapshot import ModelSnapshot


class PublishedVersions:
    """The versions of one model, by their record keys.

    Args:
        name: of the model; other models' records are passed over.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._versions: set[int] = set()
        self.newest = 0
        """The newest version ever seen, 0 for none."""
        self.pinned: int | None = None
        """A version that scorers are held to, which therefore stays."""

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Note one record of the topic (a handler of `Broadcast`)."""
        name, _, version = (key or b"").decode(errors="replace").partition("@")
        if name != self._name or not version.isdigit():
            return
        self.newest = max(self.newest, int(version))
        if value is None:
            self._versions.discard(int(version))
        else:
            self._versions.add(int(version))

    def add(self, snapshot: ModelSnapshot, kept: int) -> list[bytes]:
        """Note a version that is published now; gives the keys of those to take back, so that `kept` stay."""
        self._versions.add(snapshot.version)
        self.newest = max(self.newest, snapshot.version)
        too_old = [version for version in sorted(self._versions)[:-kept] if version != self.pinned]
        self._versions.difference_update(too_old)
        return [f"{self._name}@{version}".encode() for version in too_old]
