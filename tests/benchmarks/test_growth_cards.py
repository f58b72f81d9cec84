"""Grown states: cards lie where Kafka's clients would put them, pay in turns, and have a past."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import pytest
from kafka.partitioner.default import murmur2

from benchmarks.growth.cards import card, partitions_of, turns
from benchmarks.growth.core import fill
from benchmarks.growth.past import LAST_OFFSET, Feed, Past
from benchmarks.peers.job import new_core
from benchmarks.traffic import FIRST_DAY, SEED, Message
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from models.profiles.layout import ROW
from models.scoring.pipeline import Scored
from schemas.transaction import decode_transaction

TRANSACTIONS = 300


@pytest.fixture(scope="module")
def past() -> Past:
    world = CardWorld(Handbook.of_size(60, 60, FIRST_DAY, SEED))
    drawn = islice(world, 3_000 + TRANSACTIONS)
    messages = [Message(each.transaction_id, each.subject.encode(), each.encode()) for each in drawn]
    return Past.of(messages, past=3_000)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 21])
def test_a_key_lies_in_the_partition_that_kafkas_own_clients_choose(length: int) -> None:
    draws = random.Random(length)
    keys = [draws.randbytes(length) for _ in range(200)]
    expected = [(murmur2(key) & 0x7FFFFFFF) % 8 for key in keys]
    assert partitions_of(keys, 8).tolist() == expected


def test_all_cards_have_tokens_of_one_length_and_no_token_twice() -> None:
    tokens = {card(number) for number in range(3_000)}
    assert len(tokens) == 3_000
    assert len({len(token) for token in tokens}) == 1


def test_no_card_pays_again_before_all_have_paid() -> None:
    found = turns(cards=10, count=25, seed=1)
    assert sorted(found[:10]) == sorted(found[10:20]) == list(range(10))
    assert len(found) == 25
    assert found[:10] != found[10:20]


def test_a_profile_holds_a_past_and_the_offset_before_the_first_one_to_come(past: Past) -> None:
    rows = np.frombuffer(b"".join(past.profiles), dtype=ROW)
    assert rows["folded"].sum() == 3_000
    assert set(rows["offset"].tolist()) == {LAST_OFFSET}
    first = decode_transaction(past.messages[0].value).event_timestamp
    assert rows["newest"].max() <= first


def test_a_feed_gives_each_payment_once_to_another_of_its_cards(past: Past) -> None:
    feed = Feed(past, cards=7)
    messages = feed.take(100) + feed.take(200)
    decoded = [decode_transaction(message.value) for message in messages]
    assert [each.subject.encode() for each in decoded] == [message.key for message in messages]
    assert {each.subject for each in decoded} == {card(number) for number in range(7)}
    assert len({each.transaction_id for each in decoded}) == TRANSACTIONS


def test_every_payment_of_a_filled_state_is_scored_and_of_a_card_that_is_known(past: Past) -> None:
    core = new_core()
    state = core.new_state()
    filled = fill(state, past.profiles, cards=400)
    assert len(state) == 400
    assert filled.peak_bytes >= 0
    transactions = [decode_transaction(message.value) for message in Feed(past, 400).take(TRANSACTIONS)]
    first = LAST_OFFSET + 1
    results = core.process(transactions, range(first, first + TRANSACTIONS), state)
    assert all(isinstance(result, Scored) for result in results)
    assert len(state) == 400
