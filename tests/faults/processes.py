"""Faults of worker processes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from fraudstream.kafka.admin import kafka_admin
from fraudstream.simulate.stream import RecordKind, StreamRecord
from tests.faults.ground import LEARNER, SCORERS
from tests.faults.scenario import scenario
from tests.faults.small_disk import cannot_mount, fill, small_disk
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

    from tests.faults.ground import Ground

LAUNCHER: Final = (sys.executable, str(Path(__file__).with_name("launcher.py")))
_POISON: Final = "poisoned-merchant"
_SECONDS: Final = 60.0
SHORT_SESSION: Final = {"DELIVERY__SESSION_TIMEOUT_SECONDS": "10"}


@scenario(
    "worker-kill", "kill -9 of a worker drawn at random, of either side, in full flow", times=30, quick=3
)
def kill_workers(ground: Ground) -> None:
    killed = 0
    while killed < ground.times:
        ground.flow(ground.random.uniform(0.5, 4.0))
        if running := ground.fleet.running:
            ground.fleet.kill(ground.random.choice(running))
            killed += 1


@scenario("worker-stop", "SIGTERM of a worker drawn at random, which is started again", times=6, quick=2)
def stop_workers(ground: Ground) -> None:
    for _ in range(ground.times):
        name = ground.random.choice(ground.fleet.names)
        ground.fleet.wait_ready(name)  # a process that is not yet up has nothing to end in order
        ground.expect("SIGTERM ends a worker with status 0", ground.fleet.stop(name) == 0)
        ground.flow(ground.random.uniform(0.5, 2.0))
        ground.fleet.start(name)
        ground.flow(ground.random.uniform(1.0, 4.0))


@scenario("worker-joins", "a third worker joins while another is killed, and leaves again", times=4, quick=1)
def join_and_kill(ground: Ground) -> None:
    for number in range(ground.times):
        joining = f"joining-{number}"
        ground.fleet.add(joining)
        ground.flow(ground.random.uniform(0.5, 4.0))
        ground.fleet.kill(ground.random.choice(SCORERS))
        ground.fleet.wait_ready()
        ground.flow(2.0)
        ground.fleet.stop(joining)


@scenario(
    "worker-pause",
    "SIGSTOP of a scoring worker for longer than its session, then SIGCONT",
    times=2,
    settings=SHORT_SESSION,
)
def pause_workers(ground: Ground) -> None:
    for _ in range(ground.times):
        name = ground.random.choice(SCORERS)
        ground.fleet.suspend(name)
        ground.flow(15.0)
        ground.fleet.resume(name)
        ground.fleet.wait_ready()
        ground.wait_until_scored()


@scenario("poison", "a message on which the decoder of every scoring worker fails", times=3, quick=1)
def poison(ground: Ground) -> None:
    for name in SCORERS:
        ground.fleet.restart(name, [*LAUNCHER, "--fails-on", _POISON])
    ground.fleet.wait_ready()
    for number in range(ground.times):
        record = _poisoned(number)
        ground.poison.add(record.value)
        ground.traffic.inject(record)
        ground.flow(ground.random.uniform(2.0, 5.0))


def _poisoned(number: int) -> StreamRecord:
    """A transaction that is right in itself."""
    time = datetime.now(UTC) - timedelta(days=1)
    card = f"poisoned-card-{number}"
    value = {
        "schema_version": 1,
        "kind": "card",
        "transaction_id": f"poisoned-{number}",
        "event_time": time,
        "card_id": card,
        "merchant_id": _POISON,
        "amount": "9.99",
        "currency": "EUR",
    }
    return StreamRecord(RecordKind.TRANSACTION, time.timestamp(), card.encode(), orjson.dumps(value))


@scenario(
    "clock", "the clock of every worker steps back an hour while it runs, and one is killed then", times=1
)
def step_clock(ground: Ground) -> None:
    offset = ground.folder / "clock"
    offset.write_text("0")
    for name in (*SCORERS, LEARNER):
        ground.fleet.restart(name, [*LAUNCHER, "--clock", str(offset)])
    ground.fleet.wait_ready()
    ground.flow(3.0)
    offset.write_text("-3600")
    ground.flow(5.0)
    ground.wait_until_scored()
    ground.fleet.kill(SCORERS[0])
    ground.flow(5.0)
    ground.wait_until_scored()
    ground.fleet.wait_ready()


@scenario(
    "memory", "a worker has no memory left and gets none from the system, in full flow", times=4, quick=1
)
def exhaust_memory(ground: Ground) -> None:
    for name in ground.fleet.names:
        ground.fleet.restart(name, [*LAUNCHER, "--hoard", str(_sign_to_hoard(ground, name))])
    ground.fleet.wait_ready()
    for number in range(ground.times):
        name = ground.fleet.names[number % len(ground.fleet.names)]
        process, sign = ground.fleet.process(name), _sign_to_hoard(ground, name)
        sign.touch()
        wait_until(lambda sign=sign: not sign.exists(), _SECONDS, f"{name} hoards")
        ground.fleet.suspend(name)  # what waits for it then needs more memory than the steady flow
        ground.flow(5.0)
        ground.fleet.resume(name)
        ground.flow(20.0)
        _note_status(ground, f"{name} without memory", process)
        if process.poll() is None:
            ground.fleet.kill(name)
        ground.fleet.wait_ready()


def _note_status(ground: Ground, who: str, process: subprocess.Popen[bytes]) -> None:
    status = process.poll()
    ground.note(f"{who} {'goes on' if status is None else f'left with status {status}'}")


def _sign_to_hoard(ground: Ground, name: str) -> Path:
    return ground.folder / f"{name}-hoards"


@scenario(
    "labelling-disk",
    "the disk under the learning side is full for 10 s",
    times=2,
    quick=1,
    needs=cannot_mount,
)
def fill_disk(ground: Ground) -> None:
    with small_disk(ground.folder / "small-disk", 64) as disk:
        ground.fleet.restart(LEARNER, WORKER__FOLDER=str(disk))
        ground.fleet.wait_ready()
        for _ in range(ground.times):
            process = ground.fleet.process(LEARNER)
            fill(disk / "filling")
            ground.flow(10.0)
            _note_status(ground, "the learning side on a full disk", process)
            (disk / "filling").unlink()
            ground.fleet.wait_ready()
            ground.flow(3.0)
        ground.fleet.restart(LEARNER, WORKER__FOLDER=str(ground.folder / LEARNER))
        ground.fleet.wait_ready()


@scenario(
    "changelog-deleted",
    "the changelog of the profiles is deleted; ops make it anew, then rebuild the profiles",
    settings=SHORT_SESSION,
)
def delete_changelog(ground: Ground) -> None:
    with kafka_admin(ground.settings.kafka) as admin:
        admin.delete_topics([ground.topics.scoring_changelog])
    ground.flow(5.0)
    for name in SCORERS:
        ground.fleet.kill(name)  # what runs knows its profiles still; what starts does not
    _wait_until_said(ground, "Kafka lacks")
    ground.fleet.ops("topics", "create")
    _wait_until_said(ground, "going on would forget the rest")
    for name in SCORERS:
        ground.fleet.stop(name)
    ground.note(
        f"`fraudstream profiles rebuild` said: {' '.join(ground.fleet.ops('profiles', 'rebuild').split())}"
    )
    for name in SCORERS:
        ground.fleet.start(name)
    ground.fleet.wait_ready()
    ground.wait_until_scored()


def _wait_until_said(ground: Ground, words: str) -> None:
    wait_until(
        lambda: all(words in ground.fleet.said(name) for name in SCORERS),
        _SECONDS,
        f"every scoring worker says {words!r}",
    )
