"""A small file system that is filled on purpose."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE = bytes(4096)


def cannot_mount() -> str | None:
    """What keeps this process from mounting a small disk."""
    trial = ["/usr/bin/unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        done = subprocess.run(trial, capture_output=True, check=False)
    except FileNotFoundError:
        return "The command unshare is missing: install util-linux."
    if done.returncode:
        return "A small disk cannot be mounted: be root, or use `unshare --user --map-root-user --mount`."
    return None


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system in memory, mounted on a new folder for the time of the block."""
    folder.mkdir(parents=True)
    size = f"size={megabytes}m"
    subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", size, "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["/usr/bin/umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write until nothing more goes on the disk."""
    with file.open("wb", buffering=0) as filling, suppress(OSError):
        while True:
            filling.write(_PIECE)
