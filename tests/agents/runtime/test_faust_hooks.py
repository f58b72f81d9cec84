"""What the engine leans on inside Faust and librdkafka is there, in the versions that were looked at."""

from __future__ import annotations

import importlib
import inspect
from functools import reduce
from importlib.metadata import version
from typing import Any

import faust
import pytest

from agents.runtime import faust_hooks
from agents.runtime.faust_hooks import INSTANCE_NAMES, PINNED, PRIVATE_NAMES


def find(name: str) -> Any:
    module, _, path = name.partition(":")
    return reduce(getattr, path.split("."), importlib.import_module(module))


def changed(pinned: dict[str, str]) -> list[str]:
    return [name for name, wanted in pinned.items() if version(name) != wanted]


def test_the_installed_versions_are_those_that_were_looked_at() -> None:
    assert changed(PINNED) == [], f"look at each name in {faust_hooks.__name__} again, then change PINNED"


def test_another_version_is_noticed() -> None:
    assert changed(dict.fromkeys(PINNED, "0.0.0")) == list(PINNED)


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_each_private_name_exists(name: str) -> None:
    assert find(name) is not None


@pytest.fixture
def made() -> dict[str, Any]:
    """An instance of each class whose private attributes are used."""
    app = faust.App("hooks", broker="kafka://", store="memory://")
    return {
        "faust.transport.conductor:Conductor": app.topics,
        "faust.tables.manager:TableManager": app.tables,
        "faust.streams:Stream": app.stream(app.channel()),
    }


@pytest.mark.parametrize("owner", INSTANCE_NAMES)
async def test_instances_have_each_private_attribute(owner: str, made: dict[str, Any]) -> None:
    assert isinstance(made[owner], find(owner))
    for name in INSTANCE_NAMES[owner]:
        assert hasattr(made[owner], name)


def test_every_private_name_in_the_engine_is_listed() -> None:
    """Methods of Faust's classes that ours replace, and would go unnoticed if Faust renamed them."""
    from agents.runtime.app import App, _NoTables  # noqa: PLC0415 - imported here to be inspected
    from agents.runtime.faust_consumer import DetachedConsumer  # noqa: PLC0415
    from agents.runtime.stream import ChunkStream  # noqa: PLC0415

    listed = {name.rpartition(".")[2] for name in PRIVATE_NAMES}
    for ours in (App, _NoTables, DetachedConsumer, ChunkStream):
        base = ours.__bases__[0]
        for name, value in vars(ours).items():
            if name.startswith("_") and not name.startswith("__") and inspect.isfunction(value):
                assert name in listed or name.startswith("_unused") or not hasattr(base, name), name
