"""The worker processes of a demo: started, watched, and stopped in order.

Each is `fraudstream worker` with its own place, web port and log file. They keep out of the terminal's Ctrl-C
and, should the demo be killed, the kernel kills them with it (`fraudstream.local.tether`).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from fraudstream.demo.environment import common_environment, worker_environment
from fraudstream.demo.errors import DemoFailed
from fraudstream.demo.scrape import fetch
from fraudstream.local import tether
from fraudstream.local.broker import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from fraudstream.demo.options import DemoOptions

LEARNER: Final = "demo-learning"
"""Name of the worker that labels and learns."""
_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Worker:
    """One worker process.

    Attributes:
        slot: its name.
        port: of its web server, on loopback.
        log: the file that holds its log lines and whatever else it says.
        process: the process itself.
        learns: whether it labels and learns; the others score.
    """

    slot: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    learns: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it says that it can work."""
        return fetch(self.port, "/readyz") is not None

    @property
    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")

    def wait(self) -> int:
        """Wait for its end (20 s, then it is killed), and return its exit status."""
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Workers:
    """All workers of a demo, as a context manager stopped at the end of the block.

    Attributes:
        all: every worker, in the order of their names.
    """

    def __init__(self, workers: Iterable[Worker]) -> None:
        self.all: Final = tuple(workers)

    @classmethod
    def start(cls, options: DemoOptions, bootstrap_servers: str, signing_key: str, folder: Path) -> Self:
        """Start as many as wanted and one that learns; `wait_until_ready` tells when all are at work.

        Args:
            options: how many score, and how they deliver.
            bootstrap_servers: the cluster.
            signing_key: by which they know each other's models.
            folder: holds their logs and what they keep.
        """
        common = common_environment(options, bootstrap_servers, signing_key)
        slots = [*(f"demo-{number}" for number in range(1, options.workers + 1)), LEARNER]
        return cls(
            _launch(slot, port, common, folder)
            for slot, port in zip(slots, free_ports(len(slots)), strict=True)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_ready(self) -> None:
        """Return once every worker says that it can work.

        Raises:
            DemoFailed: a worker left, or is not ready within a minute.
        """
        deadline = time.monotonic() + _READY_SECONDS
        for worker in self.all:
            while not worker.is_ready:
                self.check()
                if time.monotonic() > deadline:
                    raise DemoFailed(
                        f"The worker {worker.slot} is not ready after {_READY_SECONDS:.0f} s; "
                        f"the last line of its log: {worker.last_words}"
                    )
                time.sleep(0.1)

    def check(self) -> None:
        """Make sure that every worker runs.

        Raises:
            DemoFailed: one has left.
        """
        for worker in self.all:
            if (status := worker.process.poll()) is not None:
                raise DemoFailed(
                    f"The worker {worker.slot} left with status {status}; "
                    f"the last line of its log: {worker.last_words}"
                )

    def stop(self) -> dict[str, int]:
        """Tell every worker to stop, wait for their ends, return their exit statuses; twice is harmless."""
        for worker in self.all:
            worker.process.terminate()
        return {worker.slot: worker.wait() for worker in self.all}


def _launch(slot: str, port: int, common: Mapping[str, str], folder: Path) -> Worker:
    learns = slot == LEARNER
    # -P: a folder named like one of our packages, where the person happens to stand, is not imported.
    command = [sys.executable, "-P", "-m", "fraudstream", "worker"]
    launcher = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid())]
    log = folder / f"{slot}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our command
            [*launcher, *command],
            env=worker_environment(common, slot, port, folder, learns=learns),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Worker(slot, port, log, process, learns)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all held until all are chosen, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
