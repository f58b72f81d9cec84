"""The folder of a backtest: what is run in it, scores of finished candidates, checkpoints of the others."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from pathlib import Path

    from models.arrays import Floats

_RUN: Final = "run.json"


class Folder:
    """One run's folder.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def claim(self, run: dict[str, Any]) -> None:
        """Make the folder that of this run, or find that it is.

        Raises:
            FraudstreamError: it is of another run.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / _RUN
        text = json.dumps(run, indent=1, sort_keys=True) + "\n"
        if not file.exists():
            self._write(file, text.encode())
        elif file.read_text() != text:
            raise FraudstreamError(
                f"{self.path} holds a backtest of other data, settings or version (see {_RUN} in it): "
                "give another --out."
            )

    @property
    def features(self) -> Path:
        """The feature matrix, [n, k] float32."""
        return self.path / "features.npy"

    def scores(self, candidate: str) -> Floats | None:
        """The scores [n] of a candidate that has finished."""
        file = self._scores_file(candidate)
        scores: Floats | None = np.load(file) if file.exists() else None
        return scores

    def finish(self, candidate: str, scores: Floats) -> None:
        """Keep the scores [n] of a candidate and drop its checkpoint."""
        file = self._scores_file(candidate)
        with file.with_suffix(".part").open("wb") as part:
            np.save(part, scores)
        file.with_suffix(".part").replace(file)
        self._checkpoint_file(candidate).unlink(missing_ok=True)

    def keep_checkpoint(self, candidate: str, payload: bytes) -> None:
        """Keep what a candidate needs to go on from."""
        self._write(self._checkpoint_file(candidate), payload)

    def checkpoint(self, candidate: str) -> bytes | None:
        """What `keep_checkpoint` kept last.

        Raises:
            FraudstreamError: the file is another user's; its content would be run as code.
        """
        file = self._checkpoint_file(candidate)
        if not file.exists():
            return None
        if file.stat().st_uid != os.getuid():
            raise FraudstreamError(f"{file} belongs to another user: give an --out of your own.")
        return file.read_bytes()

    def _scores_file(self, candidate: str) -> Path:
        return self.path / f"scores-{candidate}.npy"

    def _checkpoint_file(self, candidate: str) -> Path:
        return self.path / f"checkpoint-{candidate}"

    def _write(self, file: Path, payload: bytes) -> None:
        """Replace the file at once, readable by its owner alone."""
        part = file.with_name(file.name + ".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - pathlib opens no descriptors
            stream.write(payload)
        part.replace(file)
