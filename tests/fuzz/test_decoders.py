"""Whatever bytes come, a decoder gives a message or refuses it by name: what was found, and a search."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import cases
from tests.fuzz.decoders import TARGETS

PROGRAM = Path(__file__).parent / "coverage_guided.py"
RUNS = 8_000
CASES = [
    pytest.param(name, data, id=f"{name}-{place}")
    for name in TARGETS
    for place, data in enumerate(cases(name))
]


@pytest.mark.filterwarnings("error")  # numpy warns before it gives NaN
@pytest.mark.parametrize(("target", "data"), CASES)
def test_edge_cases_are_read_or_refused(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_any_bytes_are_read_or_refused(target: str) -> None:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(st.binary(max_size=1_200))
    def holds(data: bytes) -> None:
        TARGETS[target](data)

    holds()


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is for Linux on x86-64 only")
def test_no_bytes_that_reach_new_code_break_a_rule(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, str(PROGRAM), "--runs", str(RUNS), "--seed", "7", "--corpus", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-4_000:]
    assert f"Done {RUNS} runs" in found.stderr
    assert not list(tmp_path.glob("broken-*"))
