"""The worker processes: their environment, their figures, their deaths."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest

from agents.telemetry import Telemetry, new_registry
from fraudstream.demo.environment import common_environment, demo_topics, worker_environment
from fraudstream.demo.errors import DemoFailed
from fraudstream.demo.options import DemoOptions, Mode
from fraudstream.demo.scrape import fetch, learner_figures, worker_figures
from fraudstream.demo.workers import Worker, Workers, free_ports
from fraudstream.settings import Settings
from fraudstream.settings.tree import load_settings
from schemas.example import Maturity
from schemas.label import Outcome

if TYPE_CHECKING:
    from pathlib import Path


def a_worker(folder: Path, program: str) -> Worker:
    """Any Python program in a worker's place."""
    log = folder / "demo-1.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=output)
    return Worker("demo-1", 1, log, process)


def test_a_worker_gets_the_demos_settings_and_none_of_the_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__SASL_PASSWORD", "secret")
    monkeypatch.setenv("FRAUDSTREAM_CONFIG", "bank.toml")
    monkeypatch.setenv("LANG", "C.UTF-8")
    common = common_environment(DemoOptions(mode=Mode.AT_LEAST_ONCE), "127.0.0.1:1234", "key")
    ours = {name: value for name, value in common.items() if name.startswith("FRAUDSTREAM_")}
    assert ours == {
        "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1234",
        "FRAUDSTREAM_DELIVERY__MODE": "at-least-once",
        "FRAUDSTREAM_TOPICS__PARTITIONS": "2",
        "FRAUDSTREAM_TOPICS__SCORE_PARTITIONS": "2",
        "FRAUDSTREAM_TOPICS__REPUTATION_PARTITIONS": "2",
        "FRAUDSTREAM_LEARNING__SIGNING_KEY": "key",
        "FRAUDSTREAM_LOG__FORMAT": "json",
    }
    assert common["LANG"] == "C.UTF-8"


@pytest.mark.parametrize("learns", [False, True])
def test_the_service_accepts_the_settings_of_either_side(
    learns: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = DemoOptions(workers=3)
    common = common_environment(options, "127.0.0.1:1234", "k" * 64)
    for name, value in worker_environment(common, "demo-1", 6066, tmp_path, learns=learns).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.worker.learns is learns
    assert settings.scoring == Settings().scoring, "the demo decides as the service does by default"
    assert settings.topics == demo_topics(options)
    assert settings.worker.folder == tmp_path / "demo-1"
    assert settings.web.port == 6066


def test_a_worker_that_left_is_named_with_its_last_line(tmp_path: Path) -> None:
    worker = a_worker(tmp_path, "print('all is lost\\n'); raise SystemExit(3)")
    worker.process.wait()
    with pytest.raises(DemoFailed, match=r"^The worker demo-1 left with status 3; .*: all is lost$"):
        Workers([worker]).check()


def test_a_worker_that_dies_while_it_starts_is_not_waited_for(tmp_path: Path) -> None:
    worker = a_worker(tmp_path, "raise SystemExit(1)")
    with pytest.raises(DemoFailed, match="left with status 1; the last line of its log: nothing"):
        Workers([worker]).wait_until_ready()


def test_workers_are_told_to_stop_once_and_waited_for(tmp_path: Path) -> None:
    program = (
        "import signal, time\n"
        "def leave(*_): signal.signal(signal.SIGTERM, signal.SIG_DFL); time.sleep(0.2); raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)"
    )
    with Workers([a_worker(tmp_path, program)]) as workers:
        while workers.all[0].last_words != "up":
            time.sleep(0.01)
        assert workers.stop() == {"demo-1": 0}
    assert workers.all[0].process.returncode == 0


def test_the_end_of_the_block_ends_a_worker(tmp_path: Path) -> None:
    with Workers([a_worker(tmp_path, "import time; time.sleep(60)")]) as workers:
        workers.check()
    assert workers.all[0].process.returncode == -signal.SIGTERM


def test_free_ports_differ() -> None:
    assert len(set(free_ports(8))) == 8


def test_a_port_where_nobody_listens_gives_no_page() -> None:
    assert fetch(free_ports(1)[0], "/readyz") is None


def test_a_workers_figures_are_read_from_what_its_telemetry_writes() -> None:
    registry = new_registry()
    telemetry = Telemetry(registry)
    telemetry.transactions_skipped("repeat", 4)
    telemetry.transactions_skipped("replay", 2)
    figures = worker_figures("demo-1", 7.0, generate_latest(registry).decode())
    assert figures[:4] == ("demo-1", 7.0, 0, 4)
    assert list(figures.arrival_to_score)[-1] == float("inf")


def test_how_soon_labels_told_is_read_as_cumulative_counts() -> None:
    registry = new_registry()
    Telemetry(registry).labels_learnt([10.0, 11.5], 12.0)
    waits = worker_figures("demo-1", 7.0, generate_latest(registry).decode()).time_to_learn
    assert (waits[0.25], waits[0.5], waits[1.0], waits[2.0], waits[float("inf")]) == (0, 1, 1, 2, 2)


def test_the_learners_figures_are_read_from_what_its_telemetry_writes() -> None:
    registry = new_registry()
    telemetry = Telemetry(registry)
    for outcome, maturity in (
        (Outcome.FRAUD, Maturity.EARLY),
        (Outcome.FRAUD, Maturity.CORRECTED),
        (Outcome.GENUINE, Maturity.MATURED),
    ):
        telemetry.example_learnt(outcome, maturity)
    assert learner_figures(generate_latest(registry).decode()) == (3, 2)
