"""Health: the routes answer on Faust's own web server, and readiness names what is not well."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import aiohttp
import faust
import pytest
from prometheus_client import CollectorRegistry, Counter

from agents.web import PAGES_OFF, NotedCheck, Readiness, expect_progress, expect_score, mount
from models.reputations.store import ReputationStore
from models.scoring.pipeline import CANARY_SCORE, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from agents.web import Check


class Worker:
    """The web server of a Faust app on loopback, without Kafka."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        registry = CollectorRegistry()
        Counter("fraudstream_tested_total", "Tests.", registry=registry)
        app = faust.App("health", web_bind="127.0.0.1", web_host="127.0.0.1", web_port=self.port, **PAGES_OFF)
        mount(app, registry, Readiness(checks))
        self.web = app.web

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as client,
            client.get(path) as answer,
        ):
            return answer.status, await answer.text()


@pytest.fixture
async def checks() -> dict[str, Check]:
    return {"canary": lambda: None, "broadcast": lambda: None}


@pytest.fixture
async def worker(checks: dict[str, Check]) -> AsyncIterator[Worker]:
    worker = Worker(checks)
    async with worker.web:
        yield worker


async def test_ready_when_every_check_passes(worker: Worker) -> None:
    assert await worker.get("/readyz") == (200, "ok\n")
    assert await worker.get("/readyz?verbose") == (
        200,
        "[+]canary ok\n[+]broadcast ok\nreadyz check passed\n",
    )


@pytest.fixture
def late(checks: dict[str, Check]) -> None:
    checks["broadcast"] = lambda: "reputations is not read to its end"


@pytest.mark.usefixtures("late")
async def test_not_ready_names_the_check_and_its_reason(worker: Worker) -> None:
    told = "[-]broadcast failed: reputations is not read to its end\nreadyz check failed\n"
    assert await worker.get("/readyz") == (503, told)
    assert await worker.get("/readyz?verbose") == (503, "[+]canary ok\n" + told)


@pytest.mark.usefixtures("late")
async def test_a_worker_that_is_not_ready_still_lives(worker: Worker) -> None:
    assert await worker.get("/livez") == (200, "ok\n")


@pytest.mark.usefixtures("late")
async def test_metrics_count_the_checks_too(worker: Worker) -> None:
    status, text = await worker.get("/metrics")
    assert status == 200
    assert "fraudstream_tested_total 0.0" in text
    assert 'fraudstream_readiness_check{check="canary"} 1.0' in text
    assert 'fraudstream_readiness_check{check="broadcast"} 0.0' in text


def test_a_check_that_raises_has_failed_and_says_no_more_than_the_class() -> None:
    def broken() -> str | None:
        raise ZeroDivisionError("4111111111111111")

    [finding] = Readiness({"broken": broken}).findings()
    assert str(finding) == "[-]broken failed: the check itself failed (ZeroDivisionError)"


def test_a_check_that_has_something_to_say_says_it_where_all_is_well() -> None:
    failures: list[str | None] = [None, "it scores all alike"]
    readiness = Readiness({"model": NotedCheck(lambda: failures.pop(0), lambda: "boost@7 in force")})
    assert [str(finding) for finding in readiness.findings()] == ["[+]model ok: boost@7 in force"]
    assert [str(finding) for finding in readiness.findings()] == ["[-]model failed: it scores all alike"]


def test_the_canary_proves_that_the_core_scores() -> None:
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    assert expect_score(core.canary, CANARY_SCORE)() is None
    said = expect_score(lambda: 0.25, 0.5)()
    assert said == "the canary transaction scores 0.250000000 instead of 0.500000000"


def test_a_canary_that_scores_no_number_fails() -> None:
    assert expect_score(lambda: float("nan"), 0.5)() is not None


def test_work_that_stands_still_fails_after_the_limit() -> None:
    assert expect_progress(lambda: 30.0, limit=30.0)() is None
    assert expect_progress(lambda: 31.0, limit=30.0)() == "no work got done for 31 s although there is some"
