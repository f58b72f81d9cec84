"""The tests that README and docs name, each beside a claim that it shows, are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))]
_FILES = {path: path.read_text(encoding="utf-8") for path in (_ROOT / "tests").rglob("*.py")}
# `tests/a/test_b.py::test_c`, `test_b.py::test_c`, `::test_c` of the file named before, `test_c`
_NAMED = re.compile(r"((?:tests/)?(?:[\w*-]+/)*[\w*]+\.py)?(?:(?:::|\b)(test_\w+)\b(?!\.py|\*))?")


def _missing(text: str) -> list[str]:
    """Give what is named in code spans and is no test."""
    missing, file = [], ""
    for span in re.findall(r"`([^`\n]*\btest_[^`\n]*|tests/[^`\n]*\.py[^`\n]*|::test_\w+)`", text):
        for path, name in _NAMED.findall(span):
            if path:
                file = path
                if not _matching(path):
                    missing.append(path)
            if name:
                places = _matching(file) if path or span.startswith("::") else list(_FILES)
                if not any(re.search(rf"def {name}\(", _FILES[place]) for place in places):
                    missing.append(f"{file}::{name}")
    return missing


def _matching(path: str) -> list[Path]:
    return [each for each in _FILES if each.match(path)]


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_each_test_that_a_page_names_is_there(page: Path) -> None:
    assert _missing(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_each_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_test_that_is_not_there_is_found() -> None:
    here = "tests/package/test_docs.py"
    text = f"`{here}::test_a_test_that_is_not_there_is_found`, `::test_nothing`"
    assert _missing(text) == [f"{here}::test_nothing"]
    assert _missing("`test_no_such.py`") == ["test_no_such.py"]
