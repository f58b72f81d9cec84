"""Benchmarks send valid, different transactions, the same in every process and run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.traffic import Message, draw, load, save
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return draw(500)


def test_every_message_is_a_transaction_of_the_past_under_its_key(messages: list[Message]) -> None:
    decoded = [decode_transaction(message.value) for message in messages]
    assert [each.transaction_id for each in decoded] == [each.transaction_id for each in messages]
    assert [each.subject.encode() for each in decoded] == [each.key for each in messages]
    assert max(each.event_time.year for each in decoded) == 2025


def test_no_transaction_id_comes_twice(messages: list[Message]) -> None:
    assert len({each.transaction_id for each in messages}) == len(messages)


def test_what_is_saved_is_loaded(messages: list[Message], tmp_path: Path) -> None:
    save(messages, tmp_path / "messages.tsv")
    assert load(tmp_path / "messages.tsv", 500) == messages
    assert load(tmp_path / "messages.tsv", 20) == messages[:20]
