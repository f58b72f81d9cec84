"""The examples in the docstrings of `schemas` hold."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["erasure", "fields.money", "fields.pan", "reputation"])
def test_examples_in_docstrings_hold(name: str) -> None:
    tried = doctest.testmod(import_module(f"schemas.{name}"))
    assert tried.attempted
    assert not tried.failed
