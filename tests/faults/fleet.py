"""Worker processes under a supervisor that starts again whatever leaves, as systemd's `Restart=always` does.

One thread starts, watches and starts again; scenarios only say what is wanted. A worker keeps its name, slot
and folder over restarts, so that it takes over at once what it left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from fraudstream.demo.scrape import fetch
from fraudstream.demo.workers import free_ports
from fraudstream.local import tether
from fraudstream.settings.tree import PREFIX
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

RESTART_SECONDS: Final = 0.5
"""Between a worker's end and its next start."""
# -P: a folder named like one of our packages, where the person happens to stand, is not imported.
FRAUDSTREAM: Final = (sys.executable, "-P", "-m", "fraudstream")
SCORING, LEARNING = "scoring,intake", "labelling,reputation,learning"
_LOOK_SECONDS = 0.05
_STOP_SECONDS = 90.0
_READY_SECONDS = 90.0


@dataclass
class Worker:
    """One worker's place.

    Attributes:
        name: its slot.
        agents: what runs in it.
        settings: its own, by their variables' names without the prefix.
        command: what starts it.
        log: what all its processes said.
        port: of its web server.
        is_wanted: whether it is to run.
        process: the one that runs, or ran last.
        statuses: exit statuses of those that ran, in order.
        starts: how many ran.
        left_at: when the last one left, by the monotonic clock.
    """

    name: str
    agents: str
    settings: dict[str, str]
    command: Sequence[str]
    log: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    is_wanted: bool = True
    process: subprocess.Popen[bytes] | None = None
    statuses: list[int] = field(default_factory=list)
    starts: int = 0
    left_at: float = -RESTART_SECONDS

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Fleet:
    """The workers of one service, as a context manager that leaves none behind.

    Args:
        environment: what all of them share.
        folder: for their logs and what they keep on disk.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._workers: dict[str, Worker] = {}
        self._changes = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for worker in self._workers.values():
            if worker.is_running:
                self._signal(worker, signal.SIGKILL)
                worker.process.wait()

    @property
    def names(self) -> list[str]:
        """Those that are wanted."""
        return [worker.name for worker in self._workers.values() if worker.is_wanted]

    @property
    def running(self) -> list[str]:
        """Those whose processes run now, ready or not."""
        return [worker.name for worker in self._workers.values() if worker.is_running]

    @property
    def statuses(self) -> dict[str, list[int]]:
        """How each worker's processes left, in order; -9 was killed."""
        return {worker.name: list(worker.statuses) for worker in self._workers.values()}

    def add(
        self, name: str, agents: str = SCORING, command: Sequence[str] | None = None, **settings: str
    ) -> None:
        """Start a worker of a new name.

        Args:
            name: its slot.
            agents: what runs in it.
            command: another program than `fraudstream worker`, as `launcher.py` with arguments.
            settings: its own.
        """
        own = {
            "WORKER__SLOT": name,
            "WORKER__AGENTS": agents,
            "WORKER__FOLDER": str(self._folder / name),
            **settings,
        }
        log = self._folder / f"{name}.log"
        log.touch()
        with self._changes:
            self._workers[name] = Worker(name, agents, own, command or [*FRAUDSTREAM, "worker"], log)

    def kill(self, name: str) -> None:
        """kill -9; the supervisor starts it again. Nothing if it does not run at this moment."""
        self._signal(self._workers[name], signal.SIGKILL)

    def suspend(self, name: str) -> None:
        """SIGSTOP, as a virtual machine that is paused."""
        self._signal(self._workers[name], signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._signal(self._workers[name], signal.SIGCONT)

    def stop(self, name: str) -> int:
        """SIGTERM; it stays away until `start`. Gives its exit status."""
        worker = self._workers[name]
        with self._changes:
            worker.is_wanted = False
            self._signal(worker, signal.SIGTERM)
        wait_until(lambda: len(worker.statuses) == worker.starts, _STOP_SECONDS, f"{name} stops")
        return worker.statuses[-1]

    def start(self, name: str, command: Sequence[str] | None = None, **settings: str) -> None:
        """Have a stopped worker run again, by another command or with other settings where some are given."""
        worker = self._workers[name]
        with self._changes:
            worker.command = command or worker.command
            worker.settings |= settings
            worker.is_wanted = True

    def restart(self, name: str, command: Sequence[str] | None = None, **settings: str) -> None:
        """SIGTERM, and start again."""
        self.stop(name)
        self.start(name, command, **settings)

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The process that runs, or ran last."""
        process = self._workers[name].process
        assert process is not None, f"{name} was never started"
        return process

    def wait_ready(self, *names: str, seconds: float = _READY_SECONDS) -> None:
        """Return once these workers, or all that are wanted, say that they can work."""
        for name in names or self.names:
            worker = self._workers[name]
            wait_until(
                lambda worker=worker: worker.is_running and fetch(worker.port, "/readyz") is not None,
                seconds,
                f"{name} is ready",
            )

    def stop_all(self) -> dict[str, int]:
        """SIGTERM to all that run, one after another, the learning side last; gives their exit statuses."""
        scorers_first = sorted(self._workers.values(), key=lambda worker: worker.agents != SCORING)
        return {worker.name: self.stop(worker.name) for worker in scorers_first if worker.is_wanted}

    def ops(self, *arguments: str) -> str:
        """Run `fraudstream` with these arguments, as ops would; gives what it said.

        Raises:
            CalledProcessError: its exit status is not 0.
        """
        done = subprocess.run(
            [*FRAUDSTREAM, *arguments], env=self._environment, capture_output=True, text=True, check=True
        )
        return done.stdout + done.stderr

    def metric(self, name: str) -> list[float]:
        """The values of a metric in all workers that run, whatever its labels."""
        pages = (
            fetch(worker.port, "/metrics") or "" for worker in self._workers.values() if worker.is_running
        )
        lines = (
            line for page in pages for line in page.splitlines() if line.startswith((f"{name} ", f"{name}{{"))
        )
        return [float(line.rsplit(" ", 1)[1]) for line in lines]

    def said(self, name: str) -> str:
        """All that a worker's processes logged."""
        return self._workers[name].log.read_text(errors="replace")

    def last_words(self) -> str:
        """The end of every log, for whoever looks for a reason."""
        return "\n".join(f"{name}: ...{self.said(name)[-1500:]}" for name in self._workers)

    # -- the supervisor's thread

    def _supervise(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with self._changes:
                for worker in self._workers.values():
                    self._look_at(worker)

    def _look_at(self, worker: Worker) -> None:
        if worker.process is not None and len(worker.statuses) < worker.starts:
            if (status := worker.process.poll()) is None:
                return
            worker.statuses.append(status)
            worker.left_at = time.monotonic()
        if worker.is_wanted and time.monotonic() - worker.left_at >= RESTART_SECONDS:
            self._launch(worker)

    def _launch(self, worker: Worker) -> None:
        """Start its process; the kernel kills it when this thread ends, however that comes."""
        own = {**worker.settings, "WEB__PORT": str(worker.port)}
        environment = {**self._environment, **{f"{PREFIX}{name}": value for name, value in own.items()}}
        launcher = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid())]
        with worker.log.open("ab") as output:
            worker.process = subprocess.Popen(
                [*launcher, *worker.command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker.starts += 1

    @staticmethod
    def _signal(worker: Worker, number: signal.Signals) -> None:
        if worker.process is not None and worker.process.poll() is None:
            worker.process.send_signal(number)
