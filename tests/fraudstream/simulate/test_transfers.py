"""The world of transfers has a bank's rhythm, frauds as documented, and no message that tells its label."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import median

import orjson
import pytest

from fraudstream.simulate.transfers import TransferWorld
from fraudstream.simulate.transfers.calendar import due_days, is_payday, is_working_day
from fraudstream.simulate.transfers.fraud_scenarios import Crimes
from fraudstream.simulate.world import SimulatedTransaction
from schemas.transaction import TransferTransaction, decode_transaction

BANK = TransferWorld(customers=600, days=61, start=date(2026, 3, 1), seed=4)  # March and April
Transfers = list[SimulatedTransaction]


@pytest.fixture(scope="module")
def transfers() -> Transfers:
    return list(BANK)


@pytest.fixture(scope="module")
def frauds(transfers: Transfers) -> Transfers:
    return [transfer for transfer in transfers if transfer.fraud]


@pytest.fixture(scope="module")
def genuine(transfers: Transfers) -> Transfers:
    return [transfer for transfer in transfers if not transfer.fraud]


def moment(transfer: SimulatedTransaction) -> datetime:
    return datetime.fromtimestamp(transfer.event_time, UTC)


def amount(transfer: SimulatedTransaction) -> float:
    return float(str(transfer.message["instructed_amount"]))


def creditors(transfers: Transfers) -> set[object]:
    return {transfer.message["creditor_account"] for transfer in transfers}


def test_every_message_is_a_valid_transfer(transfers: Transfers) -> None:
    for transfer in transfers:
        message = decode_transaction(transfer.encode())
        assert isinstance(message, TransferTransaction)
        assert message.transaction_id == transfer.transaction_id
        assert message.subject == transfer.subject
        assert message.event_timestamp == pytest.approx(transfer.event_time, abs=1e-3)


def test_transfers_stand_in_order_of_time_inside_the_world(transfers: Transfers) -> None:
    times = [transfer.event_time for transfer in transfers]
    assert times == sorted(times)
    assert moment(transfers[0]).date() == date(2026, 3, 1)
    assert moment(transfers[-1]).date() == date(2026, 4, 30)


def test_the_same_parameters_give_the_same_world_and_another_seed_another(transfers: Transfers) -> None:
    assert list(BANK) == transfers
    other = TransferWorld(BANK.customers, 2, BANK.start, seed=5)
    assert not {transfer.subject for transfer in other} & {transfer.subject for transfer in transfers}


class TestNothingTellsTheLabel:
    def test_every_message_has_the_same_fields_in_the_same_order(self, transfers: Transfers) -> None:
        assert len({tuple(orjson.loads(transfer.encode())) for transfer in transfers}) == 1

    def test_every_identifier_has_the_same_form(self, transfers: Transfers) -> None:
        for transfer in transfers:
            for name in ("end_to_end_id", "debtor_account", "creditor_account"):
                kind, _, letters = str(transfer.message[name]).partition("_")
                assert kind in {"transfer", "account"}
                assert len(letters) == 16
                assert set(letters) <= set("abcdefghijklmnop")

    def test_ids_of_frauds_are_spread_as_those_of_genuine_transfers(
        self, frauds: Transfers, genuine: Transfers
    ) -> None:
        """The first letter of a digest is uniform over 16: its mean place is 7.5."""
        for transfers in (frauds, genuine):
            places = ["abcdefghijklmnop".index(transfer.transaction_id[9]) for transfer in transfers]
            assert sum(places) / len(places) == pytest.approx(7.5, abs=4 * 4.6 / len(places) ** 0.5)

    def test_every_code_that_a_fraud_carries_is_also_carried_by_genuine_transfers(
        self, frauds: Transfers, genuine: Transfers
    ) -> None:
        for name in ("payment_type", "purpose_code", "channel", "creditor_country"):
            codes = Counter(transfer.message[name] for transfer in genuine)
            for code in {transfer.message[name] for transfer in frauds}:
                assert codes[code] > 20

    def test_victims_and_inside_mules_also_pay_honestly(self, frauds: Transfers, genuine: Transfers) -> None:
        assert {transfer.subject for transfer in frauds} <= {transfer.subject for transfer in genuine}

    def test_amounts_of_frauds_are_written_like_others(self, frauds: Transfers, genuine: Transfers) -> None:
        for transfers in (frauds, genuine):
            assert {len(str(t.message["instructed_amount"]).partition(".")[2]) for t in transfers} == {2}
        whole = sum(amount(transfer) % 10 == 0 for transfer in frauds) / len(frauds)
        assert 0.3 < whole < 0.7

    def test_large_sums_go_to_strangers_honestly_too(self, transfers: Transfers) -> None:
        """As many honest first payments above 500 EUR as fraudulent ones: neither sign gives a fraud away."""
        seen: set[tuple[str, object]] = set()
        large_and_new: Counter[bool] = Counter()
        for transfer in transfers:
            pair = (transfer.subject, transfer.message["creditor_account"])
            if pair not in seen and amount(transfer) > 500 and moment(transfer).day > 10:
                large_and_new[transfer.fraud] += 1
            seen.add(pair)
        assert large_and_new[False] > large_and_new[True] > 0


class TestRhythm:
    def test_banks_run_at_night_and_people_live_by_day(self, genuine: Transfers) -> None:
        hours = [moment(transfer).hour for transfer in genuine if transfer.message["channel"] != "batch"]
        assert sum(8 <= hour < 22 for hour in hours) / len(hours) > 0.8
        standing = {moment(t).hour for t in genuine if t.message["payment_type"] == "standing-order"}
        assert standing == {2, 3, 4}

    def test_salaries_come_on_the_last_working_day_of_the_month_to_every_household(
        self, genuine: Transfers
    ) -> None:
        salaries = [transfer for transfer in genuine if transfer.message["purpose_code"] == "SALA"]
        days = Counter(moment(transfer).date() for transfer in salaries)
        assert days == {date(2026, 3, 31): BANK.customers, date(2026, 4, 30): BANK.customers}

    def test_each_standing_order_is_booked_once_a_month(self, genuine: Transfers) -> None:
        rents = [transfer for transfer in genuine if transfer.message["purpose_code"] == "RENT"]
        booked = Counter((transfer.subject, moment(transfer).month) for transfer in rents)
        assert set(booked.values()) == {1}
        assert len({amount(t) for t in rents if t.subject == rents[0].subject}) == 1

    def test_companies_rest_on_weekends(self, genuine: Transfers) -> None:
        invoices = [transfer for transfer in genuine if transfer.message["purpose_code"] == "SUPP"]
        assert all(is_working_day(moment(transfer).date()) for transfer in invoices)

    def test_every_day_of_the_month_is_due_exactly_once(self) -> None:
        april = [date(2026, 4, day) for day in range(1, 31)]
        due = Counter(day_of_month for day in april for day_of_month in due_days(day))
        assert all(due[day_of_month] == 1 for day_of_month in range(1, 29))

    def test_a_month_has_one_payday_and_no_weekend_is_one(self) -> None:
        days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
        paydays = [day for day in days if is_payday(day)]
        assert [day.month for day in paydays] == list(range(1, 13))
        assert all(map(is_working_day, paydays))


class TestFraud:
    def test_about_one_transfer_in_two_hundred_is_fraud(
        self, transfers: Transfers, frauds: Transfers
    ) -> None:
        assert 0.002 < len(frauds) / len(transfers) < 0.012

    def test_frauds_are_larger_than_most_transfers(self, frauds: Transfers, genuine: Transfers) -> None:
        assert median(map(amount, frauds)) > 5 * median(map(amount, genuine))

    def test_mules_collect_from_several_victims(self, frauds: Transfers) -> None:
        victims = defaultdict(set)
        for transfer in frauds:
            victims[transfer.message["creditor_account"]].add(transfer.subject)
        assert max(map(len, victims.values())) >= 3

    def test_mules_inside_the_bank_send_on_less_than_they_received(self, frauds: Transfers) -> None:
        received: defaultdict[object, float] = defaultdict(float)
        sent: defaultdict[object, float] = defaultdict(float)
        for transfer in frauds:
            received[transfer.message["creditor_account"]] += amount(transfer)
            sent[transfer.subject] += amount(transfer)
        layered = received.keys() & sent.keys()
        assert layered
        assert all(sent[account] < received[account] + 15 for account in layered)

    def test_take_overs_come_in_bursts_often_by_night(self, frauds: Transfers) -> None:
        assert sum(moment(transfer).hour < 6 for transfer in frauds) / len(frauds) > 0.15
        bursts = Counter((transfer.subject, int(transfer.event_time // 7_200)) for transfer in frauds)
        assert max(bursts.values()) >= 3

    def test_crime_does_not_disturb_honest_lives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each purpose has its own stream of chance: a world without crime has the same honest transfers."""
        bank = TransferWorld(200, 20, date(2026, 3, 1), seed=9)
        honest = [(t.event_time, t.subject, amount(t)) for t in bank if not t.fraud]
        monkeypatch.setattr(Crimes, "orders", lambda _self, _day: iter(()))
        assert [(t.event_time, t.subject, amount(t)) for t in bank] == honest
