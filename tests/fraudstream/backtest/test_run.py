"""A whole backtest: its report, what it does when it is started again, and what it refuses."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fraudstream.backtest import run as run_module
from fraudstream.backtest.candidates.baselines import ROUNDS
from fraudstream.backtest.candidates.table import CANDIDATES, DEFAULT
from fraudstream.backtest.files import Folder
from fraudstream.backtest.plan import choose
from fraudstream.backtest.processes import run_all
from fraudstream.backtest.protocols import ProtocolName
from fraudstream.backtest.report.html import render
from fraudstream.backtest.run import run
from fraudstream.cli import app
from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fraudstream.backtest.plan import BacktestPlan
    from fraudstream.backtest.processes import Told

NAMES = ("logistic", "rules", "frozen", "oracle")


def small_plan(tmp_path: Path) -> BacktestPlan:
    """The small past as a file of one's own, its last days tested."""
    from tests.fraudstream.backtest.worlds import small_past  # noqa: PLC0415

    data, path = small_past(), tmp_path / "own.csv"
    if not path.exists():
        lines = ["event_time,amount,subject,counterparty,fraud,transaction_id"]
        lines += [
            f"{each.event_time.isoformat()},{each.amount_value},{each.subject},{each.counterparty},"
            f"{int(fraud)},{each.transaction_id}"
            for each, fraud in zip(data.transactions(0, len(data)), data.frauds, strict=True)
        ]
        path.write_text("\n".join(lines))
    return choose(ProtocolName.FILE, file=path, delay_days=3.0)


def in_this_process(plan: BacktestPlan, candidates: Sequence[str], path: Path, jobs: int, tell: Told) -> None:
    """Stands in for ``run_all``: no process is started."""
    del jobs, tell
    for name in sorted(candidates, key=lambda each: CANDIDATES[each].needs_features):
        plan.run(name, path, lambda _done, _total: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("backtest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "run_all", in_this_process)
        patch.setattr("models.snapshots.online_model.READY_FRAUDS", 10)  # as conftest does for each test
        patch.setattr("models.snapshots.online_model.READY_GENUINE", 30)
        report = run(small_plan(folder), NAMES, folder / "out", jobs=1, command="a command", tell=print)
    return folder, report


def test_the_report_says_what_was_run_and_every_figure(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, report = finished
    assert json.loads((folder / "out" / "report.json").read_text()) == report
    assert report["protocol"] == "file"
    assert report["delay_days"] == 3.0
    assert report["data"] == "own.csv"
    assert report["command"] == "a command"
    assert [each["name"] for each in report["candidates"]] == list(NAMES)
    for each in report["candidates"]:
        assert set(each) >= {"name", "mean", "std", "folds", "calibration", "weeks"}
        for measure in report["measures"]:
            values = [fold[measure] for fold in each["folds"]]
            assert each["mean"][measure] == pytest.approx(np.mean(values))
            assert each["std"][measure] == pytest.approx(np.std(values))
    figures = {each["name"]: each["mean"] for each in report["candidates"]}
    assert figures["oracle"]["ap"] == 1.0
    assert all(0.5 < figures[name]["ap"] < 1.0 for name in NAMES[:3])
    assert figures["logistic"] != figures["rules"]
    assert figures["frozen"]["auc"] > 0.6


class Page(HTMLParser):
    """Reads a page; keeps the tags, checks that they close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.plots = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]
        self.plots += tag == "svg"
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)


def test_the_page_is_whole_and_needs_no_network(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, report = finished
    text = (folder / "out" / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.links == []
    assert page.plots >= 5
    assert "http" not in text
    for each in report["candidates"]:
        assert f"{each['mean']['ap']:.4f}" in text


def test_a_page_shows_names_as_text(finished: tuple[Path, dict[str, Any]]) -> None:
    _, report = finished
    assert "<script>" not in render({**report, "data": "<script>", "command": "<script>"})


def test_a_finished_candidate_is_not_run_again(
    finished: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, report = finished
    asked: list[str] = []
    monkeypatch.setattr(run_module, "run_all", lambda _plan, names, *_: asked.extend(names))
    again = run(small_plan(folder), NAMES, folder / "out", jobs=1, command="a command", tell=print)
    assert asked == []
    assert again["candidates"] == report["candidates"]


def test_a_folder_of_another_backtest_is_refused(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = finished
    other = choose(ProtocolName.FILE, file=folder / "own.csv", delay_days=2.0)
    with pytest.raises(FraudstreamError, match="holds a backtest of other data, settings or version"):
        run(other, NAMES, folder / "out", jobs=1, command="", tell=print)


def test_an_interrupted_candidate_gives_the_same_scores(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = finished
    plan = small_plan(folder)

    class Interrupted(Exception):
        pass

    def stop_after_three_weeks(done: int, total: int) -> None:
        if done > total * 0.7:
            raise Interrupted

    Folder(tmp_path / "out").claim(plan.fingerprint())
    with pytest.raises(Interrupted):
        plan.run("rules", tmp_path / "out", stop_after_three_weeks)
    assert Folder(tmp_path / "out").checkpoint("rules") is not None
    seen: list[int] = []
    plan.run("rules", tmp_path / "out", lambda done, _total: seen.append(done))
    resumed, whole = Folder(tmp_path / "out"), Folder(folder / "out")
    assert seen[0] > 500  # not from the start
    assert np.array_equal(resumed.scores("rules"), whole.scores("rules"))
    assert np.array_equal(np.load(resumed.features), np.load(whole.features))
    assert resumed.checkpoint("rules") is None


def test_the_command_runs_candidates_in_processes_and_prints_their_figures(tmp_path: Path) -> None:
    small_plan(tmp_path)
    options = ["--protocol", "file", "--data", str(tmp_path / "own.csv"), "--delay-days", "3"]
    chosen = ["--candidate", "oracle", "--candidate", "frozen", "--out", str(tmp_path / "out"), "--jobs", "2"]
    result = CliRunner().invoke(app, ["backtest", *options, *chosen, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert [each["name"] for each in report["candidates"]] == ["oracle", "frozen"]  # rules ran for frozen
    assert "report.html" in result.stderr


def test_what_cannot_be_run_is_refused_in_words(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["backtest", "--candidate", "best", "--out", str(tmp_path)])
    assert result.exit_code == 2
    with pytest.raises(FraudstreamError, match="--protocol file and --data FILE go together"):
        choose(ProtocolName.HANDBOOK, file=tmp_path)
    with pytest.raises(FraudstreamError, match="--protocol file and --data FILE go together"):
        choose(ProtocolName.FILE)


def test_the_usual_candidates_exist() -> None:
    assert set(DEFAULT) <= CANDIDATES.keys()
    assert ROUNDS == 200


def test_a_fold_in_which_nothing_can_be_measured_is_refused_before_anything_is_scored() -> None:
    nobody = choose(ProtocolName.HANDBOOK, customers=20)
    with pytest.raises(FraudstreamError, match="nothing can be measured"):
        nobody.folds(nobody.source.load(nobody.horizon))
    with pytest.raises(FraudstreamError, match="whole days"):
        choose(ProtocolName.HANDBOOK, delay_days=2.5)


def test_a_candidate_that_cannot_go_on_ends_the_backtest_in_its_own_words(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    (tmp_path / "own.csv").write_text("now it is something else")
    with pytest.raises(FraudstreamError, match="cannot be read"):
        run_all(plan, ["oracle"], tmp_path, jobs=1, tell=print)
