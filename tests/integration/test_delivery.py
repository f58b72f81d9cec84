"""Whatever happens to workers, no record is lost or counted twice, and state, outputs and offsets agree."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faulty import Run, end, read_committed

from agents.runtime.watchdog import EXIT_STALLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ONE_MODE = pytest.mark.parametrize("new_run", ["exactly-once"], indirect=True)
NewRun: TypeAlias = "Callable[..., Run]"


@pytest.fixture(params=["exactly-once", pytest.param("at-least-once", marks=pytest.mark.long)])
def new_run(request: pytest.FixtureRequest, kafka: Any, tmp_path: Path) -> Iterator[NewRun]:
    """Makes a run in either mode, and ends its workers afterwards."""
    runs: list[Run] = []

    def make(records: int, **rest: Any) -> Run:
        runs.append(Run(kafka.bootstrap_servers, tmp_path, request.param, records, **rest))
        return runs[-1]

    yield make
    for run in runs:
        run.stop()


def test_an_undisturbed_run_is_exact_and_stops_in_order(new_run: NewRun) -> None:
    run = new_run(4_000)
    worker = run.start()
    run.finish()
    assert end(worker) == 0
    assert run.assert_exact() == 0


@ONE_MODE
def test_outputs_carry_the_time_they_are_given(new_run: NewRun) -> None:
    run = new_run(50)
    run.start()
    run.finish()
    run.assert_exact()
    given = {json.loads(r.value)["i"]: r.timestamp for r in read_committed(run.servers, run.source.topic)}
    written = {int(r.key): r.timestamp for r in read_committed(run.servers, run.output())}
    assert written == {i: given[i] for i in run.source.expected}


def test_kill_9_in_the_middle_changes_nothing(new_run: NewRun) -> None:
    run = new_run(3_000, options={"slow": 0.02, "static": True, "member": "one", "chunk": 20})
    for _ in range(3):
        worker = run.start()
        run.wait_done(worker, 400)
        end(worker, signal.SIGKILL)
    run.start()
    run.finish()
    run.assert_exact()


def test_a_second_worker_that_joins_and_leaves_changes_nothing(new_run: NewRun) -> None:
    run = new_run(4_000, options={"slow": 0.05, "chunk": 20})
    first = run.start()
    run.wait_done(first, 100)
    second = run.start()
    run.wait_done(second, 100)
    assert end(second) == 0
    run.finish()
    assert end(first) == 0
    assert run.assert_exact() == 0


def test_a_worker_that_sleeps_through_its_session_writes_nothing_when_it_wakes(new_run: NewRun) -> None:
    run = new_run(3_000, options={"slow": 0.02, "chunk": 20})
    zombie = run.start()
    run.wait_done(zombie, 300)
    zombie.send_signal(signal.SIGSTOP)
    successor = run.start()
    run.wait_done(successor, 300)
    written = run.written_by(zombie)
    assert written > 0
    zombie.send_signal(signal.SIGCONT)
    assert zombie.wait(40) != 0
    assert run.lines(zombie, "leaving")
    run.finish()
    assert run.assert_exact() <= 60, "at least once: only what was under way when it fell asleep"
    if run.mode == "exactly-once":
        assert run.written_by(zombie) == written


@ONE_MODE
@pytest.mark.long
@pytest.mark.parametrize("turn", range(20))
def test_a_batch_in_hand_while_the_session_ends_is_written_by_one_worker_alone(
    new_run: NewRun, turn: int
) -> None:
    """Its agent waits between chunks, and so is not done when the worker wakes and finds itself replaced."""
    rng = random.Random(turn)
    options = {"slow": 0.1, "chunk": rng.choice([5, 20]), "session": 2.0}
    run = new_run(60 * options["chunk"] + 100, options=options)
    zombie = run.start()
    run.wait_done(zombie, run.records // 10)
    time.sleep(rng.random())
    zombie.send_signal(signal.SIGSTOP)
    run.start()
    time.sleep(rng.uniform(2.5, 9.0))
    zombie.send_signal(signal.SIGCONT)
    assert zombie.wait(40) != 0
    run.finish()
    assert run.assert_exact() == 0


def test_one_bad_message_is_narrowed_down_and_set_apart(new_run: NewRun) -> None:
    run = new_run(600, poison=(333,), options={"static": True, "member": "one"})
    partition, offset = run.source.places[333]
    for _ in range(3):
        assert run.start().wait(60) not in (0, EXIT_STALLED), "the stop after a failure is orderly"
        assert run.committed(run.source)[partition] <= offset
    worker = run.start()
    run.finish()
    assert end(worker) == 0
    failures = [len(run.lines(w, "failed")) for w in run.workers]
    assert failures == [1, 1, 1, 0], "three failures, then the dead letter"
    narrowed = [run.lines(w, "chunk")[-1].split()[2:] for w in run.workers[1:3]]
    assert narrowed == [[str(offset)] * 2] * 2, "suspects are tried one by one"
    assert [json.loads(r.value)["i"] for r in read_committed(run.servers, run.dead)] == [333]
    run.assert_exact()


def test_several_agents_share_a_worker_and_keep_a_state_each(new_run: NewRun) -> None:
    """Kills do not part their states from their outputs."""
    run = new_run(
        1_500,
        agents={"quick": 0, "thorough": 1},
        options={"slow": 0.01, "static": True, "member": "one", "chunk": 20},
    )
    for _ in range(2):
        worker = run.start()
        run.wait_done(worker, 300)
        end(worker, signal.SIGKILL)
    run.start()
    run.finish()
    run.assert_exact()


@ONE_MODE
def test_a_state_may_say_where_to_start(new_run: NewRun) -> None:
    run = new_run(400, options={"start": 30})
    worker = run.start()
    run.finish()
    assert end(worker) == 0
    firsts: dict[str, int] = {}
    for line in run.lines(worker, "chunk"):
        _, partition, first, _ = line.split()
        firsts.setdefault(partition, int(first))
    assert firsts == {str(partition): 30 for partition in range(4)}


@ONE_MODE
def test_a_worker_whose_event_loop_is_blocked_leaves_with_a_sentence(new_run: NewRun) -> None:
    run = new_run(200, options={"block": 100, "stall": 3.0})
    worker = run.start()
    assert worker.wait(30) == EXIT_STALLED
    assert "no progress in processing records for 3 s although there is work" in run.errors()


@ONE_MODE
def test_an_idle_worker_is_not_taken_for_a_stalled_one(new_run: NewRun) -> None:
    run = new_run(200, options={"stall": 3.0, "statistics": 0.5})
    worker = run.start()
    run.finish()
    time.sleep(6)
    assert worker.poll() is None, run.errors()
    assert end(worker) == 0
    assert run.lines(worker, "lag")[-1] == "0"


@ONE_MODE
def test_a_worker_without_brokers_leaves_with_a_sentence(new_run: NewRun) -> None:
    run = new_run(1)
    worker = run.start(servers="127.0.0.1:9", start_timeout=3.0)
    assert worker.wait(40) != 0
    [sentence] = run.lines(worker, "leaving")
    assert sentence.startswith("KafkaUnavailable: no broker answered within 3 s")
