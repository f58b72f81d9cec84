"""The learner's checkpoint: one file with a model as it was at an offset of `examples`.

A model is a fold of the log, so a file that is lost costs time and nothing else. It is a pickle, which would
run whatever code somebody put into it: so it is signed, and not opened unless the signature is right.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING, ClassVar, Final

from models.snapshots.online_model import OnlineModel, OtherLayoutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_DIGEST: Final = 32


class ForeignModelError(Exception):
    """A checkpoint was not signed with the key of the settings; the text is one sentence with the fix."""

    is_for_people: ClassVar = True


class ModelFile:
    """A model on disk.

    Args:
        path: the file; its folder is made where it is missing.
        key: signs it.
        outdated: is called with the path of a file that another release wrote in another layout.
    """

    def __init__(self, path: Path, key: bytes, outdated: Callable[[Path], None]) -> None:
        self._path = path
        self._key = key
        self._outdated = outdated

    def read(self) -> OnlineModel | None:
        """Return the model that was written last; None if there is none of this release's layout.

        Raises:
            ForeignModelError: the signature is another key's, or the file was altered.
        """
        if not self._path.exists():
            return None
        content = self._path.read_bytes()
        signature, payload = content[:_DIGEST], content[_DIGEST:]
        if not hmac.compare_digest(signature, self._sign(payload)):
            raise ForeignModelError(
                f"{self._path} is not signed with FRAUDSTREAM_LEARNING__SIGNING_KEY: set the key that it was "
                "written with, or remove the file to learn again from the examples"
            )
        try:
            return OnlineModel.unpack(payload)
        except OtherLayoutError:
            self._outdated(self._path)
            return None

    def write(self, model: OnlineModel) -> None:
        """Put a model in the place of the one before, at once or not at all."""
        payload = model.pack()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(self._sign(payload) + payload)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def _sign(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")
