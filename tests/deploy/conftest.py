"""Rendering takes a moment, so each set of values is rendered once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.deploy.chart import CHART, VALUES, Document, render

if TYPE_CHECKING:
    from pathlib import Path

rendered = cache(render)


@pytest.fixture(params=VALUES, ids=lambda path: path.stem.removesuffix("-values"))
def values(request: pytest.FixtureRequest) -> Path:
    """Each set of values that the chart comes with."""
    path: Path = request.param
    return path


@pytest.fixture
def documents(values: Path) -> list[Document]:
    """What the chart makes of them."""
    return rendered(values)


@pytest.fixture
def bank() -> list[Document]:
    """What the chart makes of a bank's values, in which everything is on."""
    return rendered(CHART / "ci" / "bank-values.yaml")
