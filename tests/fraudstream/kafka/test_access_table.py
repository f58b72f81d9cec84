"""The table of rights in docs/kafka.md is what `fraudstream/kafka/access.py` says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.topics import Topics
from fraudstream.kafka.access import Kind, Pattern, Role, rights

PAGE = Path(__file__).parents[3] / "docs" / "kafka.md"
ROW = re.compile(r"^\| (?P<role>[a-z]*) ?\| (?P<resources>[^|]+) \| (?P<operations>[A-Z][A-Za-z, ]+) \|$")
KINDS = {"groups": Kind.GROUP, "transactional ids": Kind.TRANSACTIONAL_ID}

Told = set[tuple[Kind, str, bool, frozenset[str]]]


def written() -> dict[str, Told]:
    """The rows of the page: kind, name, whether it is a beginning, operations; by role."""
    found: dict[str, Told] = {}
    role = ""
    section = PAGE.read_text().partition("## Rights")[2].partition("\n## ")[0]
    for row in filter(None, map(ROW.match, section.splitlines())):
        role = row["role"] or role
        kind = next((kind for word, kind in KINDS.items() if row["resources"].startswith(word)), Kind.TOPIC)
        operations = frozenset(row["operations"].split(", "))
        for name in re.findall(r"`([^`]+)`", row["resources"]):
            is_beginning = "begin with" in row["resources"]
            found.setdefault(role, set()).add((kind, name, is_beginning, operations))
    return found


@pytest.mark.parametrize("role", [Role.SCORING, Role.LEARNING, Role.BANK, Role.ANALYST])
def test_the_page_lists_just_the_rights_of_each_role(role: Role) -> None:
    expected = {
        (
            right.kind,
            right.name,
            right.pattern is Pattern.PREFIXED,
            frozenset(operation.value for operation in right.operations),
        )
        for right in rights(role, Topics(), "G")
    }
    assert written()[role.value] == expected
