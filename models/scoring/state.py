"""All that the scoring of one partition remembers: its subjects' profiles and its decision policy.

Kept as records of a changelog: ``p:<token>`` holds a packed profile, ``policy`` the policy's version and
state, ``e:<id>`` stands for an erasure that was carried out: sent again, it is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.profiles.store import ProfileStore

if TYPE_CHECKING:
    from models.scoring.policy import Policy
    from schemas.erasure import Erasure

PROFILE_PREFIX: Final = b"p:"
ERASURE_PREFIX: Final = b"e:"
POLICY_KEY: Final = b"policy"
_SEPARATOR: Final = b"\0"
_DONE: Final = b"1"


class SubjectState:
    """Profiles and policy of one partition, restored from and written to its changelog."""

    def __init__(self, policy: Policy) -> None:
        self.profiles = ProfileStore()
        self._policy = policy
        self._kept_policy = _record(policy)
        self._erased: dict[str, str] = {}
        self._erasures: set[str] = set()

    def __len__(self) -> int:
        """Subjects known."""
        return len(self.profiles)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    def adopt(self, policy: Policy) -> None:
        """Put a policy in force; it goes on from the state last kept when that is of its own version."""
        self._policy = policy
        version, _, payload = self._kept_policy.partition(_SEPARATOR)
        if version == policy.version.encode():
            policy.unpack(payload)

    def restore(self, key: bytes, payload: bytes | None) -> None:
        """Take one record of the changelog; no payload means that there is none any more.

        Raises:
            ValueError: the key is none of this state, or the payload has an unknown layout.
        """
        if key == POLICY_KEY:
            self._kept_policy = payload or b""
            self.adopt(self._policy)
        elif key.startswith(PROFILE_PREFIX):
            self._restore_profile(key.removeprefix(PROFILE_PREFIX).decode(), payload)
        elif key.startswith(ERASURE_PREFIX):
            self._erasures.add(key.removeprefix(ERASURE_PREFIX).decode())
        else:
            raise ValueError("a changelog record is neither a profile, a policy nor an erasure")

    def erase(self, erasure: Erasure) -> bool:
        """Forget a card or an account; what comes later begins a profile anew.

        Returns:
            False where this very erasure was carried out before: nothing is changed.
        """
        if erasure.erasure_id in self._erasures:
            return False
        self._erasures.add(erasure.erasure_id)
        self.profiles.forget(erasure.subject)
        self._policy.forget(erasure.subject)
        self._erased[erasure.erasure_id] = erasure.subject
        return True

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Records of what changed since the last call; those without a payload take back older ones."""
        changes: list[tuple[bytes, bytes | None]] = [
            (PROFILE_PREFIX + subject.encode(), None)
            for subject in dict.fromkeys(self._erased.values())
            if subject not in self.profiles
        ]
        changes += [(ERASURE_PREFIX + erasure_id.encode(), _DONE) for erasure_id in self._erased]
        self._erased.clear()
        changes += [
            (PROFILE_PREFIX + subject.encode(), self.profiles.pack(subject))
            for subject in self.profiles.take_dirty()
        ]
        policy = _record(self._policy)
        if policy != self._kept_policy:
            self._kept_policy = policy
            changes.append((POLICY_KEY, policy))
        return changes

    def _restore_profile(self, subject: str, payload: bytes | None) -> None:
        if payload is None:
            self.profiles.forget(subject)
        else:
            self.profiles.unpack(subject, payload)


def _record(policy: Policy) -> bytes:
    return policy.version.encode() + _SEPARATOR + policy.pack()
