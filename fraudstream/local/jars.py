"""Fetches the jars of Apache Kafka, each pinned by coordinate and SHA-256 in `kafka.lock.toml`.

The lock is the whole class path: nothing is resolved at run time, and a jar with another checksum never runs.
The jars lie in the user's Maven repository (`M2_REPO`, else `~/.m2/repository`), as every Maven tool's do.
"""

from __future__ import annotations

import fcntl
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jgo.env import LockedDependency, LockFile
from jgo.maven import Artifact, MavenContext

from fraudstream.errors import LocalKafkaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK = Path(__file__).with_name("kafka.lock.toml")
_CONNECTIONS = 6


class KafkaJarsError(LocalKafkaError):
    """The jars of Apache Kafka cannot be had; the text is one sentence with the mend."""


def kafka_jars(announce: Callable[[str], None]) -> list[Path]:
    """The verified jars, missing ones fetched first (44 MB in all).

    Args:
        announce: is told, in one sentence, when a download begins.

    Raises:
        KafkaJarsError: a jar cannot be fetched, or is not the one that the lock names.
    """
    maven = MavenContext()
    locked = LockFile.load(LOCK).dependencies
    with _alone(maven.repo_cache):
        missing = [jar for jar in locked if not _is_intact(_path(maven, jar), jar.sha256)]
        if missing:
            announce(f"Fetching Apache Kafka ({len(missing)} jars) into {maven.repo_cache}, once.")
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(lambda jar: _fetch(maven, jar), missing))
    return [_path(maven, jar) for jar in locked]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes that start a local Kafka out of a half-written jar."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".fraudstream.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _artifact(maven: MavenContext, jar: LockedDependency) -> Artifact:
    return maven.project(jar.groupId, jar.artifactId).at_version(jar.version).artifact()


def _path(maven: MavenContext, jar: LockedDependency) -> Path:
    path = _artifact(maven, jar).cached_path
    assert path is not None, "a context has a repository by default"
    return path


def _is_intact(path: Path, sha256: str | None) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == sha256


def _fetch(maven: MavenContext, jar: LockedDependency) -> None:
    path = _path(maven, jar)
    path.unlink(missing_ok=True)  # an interrupted download, or not what the lock names
    try:
        _artifact(maven, jar).resolve()
    except (OSError, RuntimeError) as error:  # requests raises OSError, jgo RuntimeError
        raise KafkaJarsError(
            f"{path.name} cannot be fetched ({type(error).__name__}): the first start of the local Kafka "
            f"needs Maven Central, or {maven.repo_cache} filled beforehand."
        ) from error
    if not _is_intact(path, jar.sha256):
        path.unlink()
        raise KafkaJarsError(
            f"{path.name} came with another SHA-256 than {LOCK.name} names, so it was removed: "
            "check the repository it came from."
        )
