"""A bank's own file: CSV and Parquet mean the same, and whatever is wrong is one sentence."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from fraudstream.backtest.sources.dataset import NEVER_LABELLED
from fraudstream.backtest.sources.files import FileSource
from fraudstream.errors import FraudstreamError
from models.decay import DAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fraudstream.backtest.sources.dataset import Dataset

COLUMNS = "amount=EUR,event_time=WHEN,subject=CARD,counterparty=SHOP,fraud=BAD,transaction_id=ID"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {"ID": "b", "WHEN": NOON + timedelta(hours=1), "CARD": "4111111111111111", "SHOP": 7, "EUR": 5, "BAD": 1},
    {"ID": "a", "WHEN": NOON, "CARD": "c2", "SHOP": 8, "EUR": 12.5, "BAD": 0},
    {"ID": "c", "WHEN": NOON + timedelta(hours=2), "CARD": "c2", "SHOP": 7, "EUR": 0.99, "BAD": 0},
]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def load(path: Path, columns: str = COLUMNS) -> Dataset:
    return FileSource.parse(path, columns).load(7 * DAY)


def test_rows_come_in_order_of_time_under_tokens(tmp_path: Path) -> None:
    data = load(write_csv(tmp_path / "own.csv", ROWS))
    assert data.times.tolist() == [NOON.timestamp() + 3600 * hour for hour in (0, 1, 2)]
    assert data.amounts.tolist() == [12.5, 5.0, 0.99]
    assert data.frauds.tolist() == [False, True, False]
    assert data.label_times.tolist() == [NEVER_LABELLED, data.times[1] + 7 * DAY, NEVER_LABELLED]
    first, second, third = data.transactions(0, 3)
    assert first.subject == third.subject != second.subject
    assert second.counterparty == third.counterparty != first.counterparty
    everything = [*data.ids, *data.subject_names, *data.counterparty_names]
    assert not any(character.isdigit() for name in everything for character in name)  # no card number


def test_parquet_means_the_same_as_csv(tmp_path: Path) -> None:
    one = load(write_csv(tmp_path / "own.csv", ROWS))
    other = load(write_parquet(tmp_path / "own.parquet", ROWS))
    for name in ("times", "subjects", "counterparties", "amounts", "frauds", "label_times"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.ids == other.ids
    assert one.subject_names == other.subject_names


def test_a_time_without_zone_is_utc_and_one_with_is_converted(tmp_path: Path) -> None:
    for when in ("2024-01-01 12:00:00", "2024-01-01T12:00:00Z", "2024-01-01T13:00:00+01:00"):
        data = load(write_csv(tmp_path / "own.csv", [{**ROWS[0], "WHEN": when}]))
        assert data.times.tolist() == [NOON.timestamp()], when


def test_label_times_of_ones_own_are_used_and_may_be_absent(tmp_path: Path) -> None:
    told = [NOON + timedelta(days=2), None, NOON + timedelta(days=30)]
    rows = [{**row, "TOLD": time} for row, time in zip(ROWS, told, strict=True)]
    for path in (write_csv(tmp_path / "own.csv", rows), write_parquet(tmp_path / "own.parquet", rows)):
        data = load(path, COLUMNS + ",label_time=TOLD")
        expected = [
            NEVER_LABELLED,
            (NOON + timedelta(days=2)).timestamp(),
            (NOON + timedelta(days=30)).timestamp(),
        ]
        assert data.label_times.tolist() == expected


def test_what_else_a_row_names_becomes_a_dimension(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "MCC": "5411", "country": "FR"}, {**ROWS[1], "MCC": "", "country": "a place"}]
    data = load(write_csv(tmp_path / "own.csv", rows), COLUMNS + ",merchant_category=MCC")
    second, first = data.transactions(0, 2)
    assert list(first.dimensions) == ["merchant-category", "country"]
    assert first.dimensions["country"] == "FR"
    assert list(second.dimensions) == ["country"]
    assert second.dimensions["country"].startswith("country_")  # no code, so a token


def test_of_rows_with_the_same_id_the_first_in_time_counts(tmp_path: Path) -> None:
    data = load(write_csv(tmp_path / "own.csv", [*ROWS, {**ROWS[1], "WHEN": NOON + timedelta(days=1)}]))
    assert len(data) == 3
    assert data.times.max() == NOON.timestamp() + 7200
    assert "1 rows with the id of an earlier one left out" in data.sentence


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("amount=PRICE", "has no column PRICE for amount: it has ID, WHEN, CARD, SHOP, EUR, BAD"),
        ("amount=EUR", "has no column for event_time: name it by --columns event_time=COLUMN"),
        ("price=EUR", "--columns names no known field 'price'"),
        ("amount", "--columns is a list of FIELD=COLUMN parted by commas, but has 'amount'"),
    ],
)
def test_a_wrong_mapping_is_one_sentence(tmp_path: Path, columns: str, words: str) -> None:
    with pytest.raises(FraudstreamError) as caught:
        load(write_csv(tmp_path / "own.csv", ROWS), columns)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"WHEN": "yesterday"}, "event_time that is no time"),
        ({"WHEN": 1_704_110_400}, "event_time that is no time"),
        ({"EUR": "much"}, "an amount that is no number"),
        ({"EUR": -3}, "an amount that is negative"),
        ({"BAD": "perhaps"}, "neither true nor false, 1 nor 0"),
        ({"CARD": ""}, "3 rows without subject"),
    ],
)
def test_a_wrong_value_is_one_sentence(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = write_csv(tmp_path / "own.csv", [row | change for row in ROWS])
    with pytest.raises(FraudstreamError) as caught:
        load(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_label_before_its_transaction_is_refused(tmp_path: Path) -> None:
    rows = [{**row, "label_time": NOON - timedelta(days=1)} for row in ROWS]
    with pytest.raises(FraudstreamError, match="3 rows whose label_time is before event_time"):
        load(write_csv(tmp_path / "own.csv", rows))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FraudstreamError, match="There is no file"):
        load(tmp_path / "absent.csv")
    (tmp_path / "no.parquet").write_text("text")
    with pytest.raises(FraudstreamError, match="cannot be read"):
        load(tmp_path / "no.parquet")
    (tmp_path / "head.csv").write_text("ID,WHEN,CARD,SHOP,EUR,BAD\n")
    with pytest.raises(FraudstreamError, match="has no transactions"):
        load(tmp_path / "head.csv")


CARD_NUMBER = "4111111111111111"


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_rows_without_an_id_are_transactions_of_their_own(
    write: Callable[[Path, list[dict[str, Any]]], Path], tmp_path: Path
) -> None:
    rows = [{**ROWS[0], "ID": name} for name in ("", "a", "", " ", "a")]
    data = load(write(tmp_path / f"own.{'csv' if write is write_csv else 'parquet'}", rows))
    assert (len(data), len(set(data.ids))) == (4, 4)
    assert "1 rows with the id of an earlier one" in data.sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"WHEN,EUR,CARD,SHOP,BAD\n2026-01-01 10:00:00,17.24,{CARD_NUMBER},M,0,a,b\n",
            "a row has 7 fields where the header",
        ),
        (
            f"WHEN;EUR;CARD;SHOP;BAD\n01.01.2026;26,55;{CARD_NUMBER};M;0\n",
            "part fields by commas, not semicolons",
        ),
        (f"WHEN;EUR;CARD;SHOP;BAD\n01.01.2026;26;{CARD_NUMBER};M;0\n", "it has column 1"),
        (
            f"2026-01-01 10:00:00,17.24,{CARD_NUMBER},M,0\n2026-01-01 10:00:00,17.24,{CARD_NUMBER},M,0\n",
            "it has column 1",
        ),
        (
            f'WHEN,EUR,CARD,SHOP,BAD\n2026-01-01 10:00:00,"1{CARD_NUMBER[:3]},5",{CARD_NUMBER},M,0\n',
            "decimals with a point",
        ),
        (f"WHEN,EUR,CARD,SHOP,BAD\n2026-01-01 10:00:00,17.24,c,M,{CARD_NUMBER}\n", "neither true nor false"),
    ],
)
def test_what_cannot_be_read_is_said_without_a_word_of_it(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(FraudstreamError, match=said) as refused:
        load(path, "event_time=WHEN,amount=EUR,subject=CARD,counterparty=SHOP,fraud=BAD")
    assert CARD_NUMBER not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_file_of_another_encoding_is_said(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes("WHEN,EUR,CARD,SHOP,BAD\n2026-01-01 10:00:00,1,Caf\u00e9,M,0\n".encode("cp1252"))
    with pytest.raises(FraudstreamError, match="it is not UTF-8"):
        load(path, "event_time=WHEN,amount=EUR,subject=CARD,counterparty=SHOP,fraud=BAD")
