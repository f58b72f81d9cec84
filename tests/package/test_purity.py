"""schemas and models compute: they read no clock and no file, and draw nothing that a seed does not fix.

The import contracts of pyproject.toml keep whole modules out; this keeps out calls that need no such module.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PURE = sorted(path for room in ("models", "schemas") for path in (ROOT / room).rglob("*.py"))

CLOCKS = {"now", "today", "utcnow"}
FILES = {"open", "read_bytes", "read_text", "write_bytes", "write_text"}
SPEECH = {"input", "print"}
SALTED = {"hash"}  # of text: another in every process
SEEDED = {"Random", "RandomState", "default_rng"}  # pure with a seed, and only then


def impure_calls(source: str) -> Iterator[str]:
    """Name the calls in a module that give another result in another process, hour or folder."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        words = ast.unparse(node.func).split(".")
        if (
            words[-1] in CLOCKS | FILES
            or (len(words) == 1 and words[0] in SPEECH | SALTED)
            or (words[-1] in SEEDED and not node.args and not node.keywords)
            or ("random" in words[:-1] and words[-1] not in SEEDED)
        ):
            yield f"line {node.lineno}: {'.'.join(words)}"


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_module_calls_nothing_impure(path: Path) -> None:
    assert list(impure_calls(path.read_text())) == []


@pytest.mark.parametrize(
    "call",
    [
        "datetime.now(UTC)",
        "date.today()",
        "open('profile.bin')",
        "files('schemas').joinpath('codes.csv').read_text()",
        "print(score)",
        "hash(card_id)",
        "random.random()",
        "np.random.normal(size=3)",
        "np.random.default_rng()",
        "Random()",
    ],
)
def test_an_impure_call_is_found(call: str) -> None:
    assert list(impure_calls(call))


@pytest.mark.parametrize(
    "call", ["np.random.default_rng(seed)", "Random(7)", "generator.normal()", "row.hash()"]
)
def test_a_pure_call_is_let_through(call: str) -> None:
    assert list(impure_calls(call)) == []
