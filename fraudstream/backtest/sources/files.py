"""A bank's own transactions out of a CSV or Parquet file.

| field | what the column holds |
|---|---|
| `event_time` | when it happened: a timestamp or ISO 8601 text, UTC where it names no zone |
| `amount` | a number in major units, not negative |
| `subject` | card or debtor account |
| `counterparty` | terminal, merchant or creditor account |
| `fraud` | the truth: true or false, 1 or 0 |
| `transaction_id` | optional; of rows with the same one the first in time counts, each without one counts |
| `label_time` | optional: when the outcome became known, empty where nobody said anything |
| `merchant_category`, `country`, `channel`, `payment_type` | optional: whatever else is known |

A field whose column has the same name need not be mapped. All ids are replaced by tokens when they are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute, csv, parquet

from fraudstream.backtest.sources.dataset import NEVER_LABELLED, Dataset, Names, whole_ticks
from fraudstream.errors import FraudstreamError
from fraudstream.simulate.world import token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.arrays import Flags, Floats, Integers

_MICROSECONDS: Final = 1e6
_TRUTHS: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def read_times(column: Any, field: str, path: Path) -> Floats:
    """Times as seconds since 1970.

    Raises:
        FraudstreamError: one is no time; a number is none, as it does not say its unit.
    """
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            if pa.types.is_timestamp(column.type) or _is_text(column.type):
                seconds: Floats = column.cast(kind, safe=False).cast(pa.int64()).to_numpy() / _MICROSECONDS
                return seconds
        except pa.ArrowInvalid:
            continue
    raise FraudstreamError(
        f"{path} has {field} that is no time: give timestamps or ISO 8601, such as 2026-11-24T10:15:30Z."
    )


def read_amounts(column: Any, path: Path) -> Floats:
    """Amounts in major units.

    Raises:
        FraudstreamError: one is no number, or negative.
    """
    try:
        amounts: Floats = column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise FraudstreamError(
            f"{path} has an amount that is no number: write decimals with a point, and thousands together."
        ) from None
    if not (np.isfinite(amounts) & (amounts >= 0.0)).all():
        raise FraudstreamError(f"{path} has an amount that is negative or no number: leave refunds out.")
    return amounts


def read_frauds(column: Any, path: Path) -> Flags:
    """Whether each row is a fraud.

    Raises:
        FraudstreamError: one says neither.
    """
    values = compute.utf8_lower(column.cast(pa.string()))
    if unknown := set(values.unique().to_pylist()) - _TRUTHS.keys():
        raise FraudstreamError(
            f"{path} has {len(unknown)} kinds of value in fraud that are neither true nor false, 1 nor 0."
        )
    return np.array([_TRUTHS[value] for value in values.to_pylist()], dtype=np.bool_)


def read_tokens(kind: str, column: Any) -> tuple[Integers, list[str]]:
    """Numbers of the values and a token for each number."""
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    codes: Integers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, [token(kind, name) for name in encoded.dictionary.to_pylist()]


def tokenised(kind: str, value: str) -> str:
    """A country code as it is, a token of anything else: it may hold what no message can."""
    return value if kind == "country" and re.fullmatch("[A-Z]{2}", value) else token(kind, value)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


REQUIRED: Final = ("event_time", "amount", "subject", "counterparty", "fraud")
DIMENSIONS: Final = {
    "merchant_category": "merchant-category",
    "country": "country",
    "channel": "channel",
    "payment_type": "payment-type",
}
"""Optional fields and the kinds of reputation that they become."""
_NAME: Final = re.compile(r"(?!.*[0-9]{5})[A-Za-z_][\w .-]{0,40}", re.ASCII)
_COUNTS: Final = re.compile(r"Expected (\d+) columns, got (\d+)")
_COLUMN: Final = re.compile(r"In CSV column #(\d+)")
FIELDS: Final = (*REQUIRED, "transaction_id", "label_time", *DIMENSIONS)


@dataclass(frozen=True)
class FileSource:
    """A file and what its columns are.

    Attributes:
        path: of the file; ``.parquet`` is Parquet, all else CSV with a header.
        columns: (field, column) for each field that is there.
        changed: when the file was last changed, so that another content is another source.
    """

    path: Path
    columns: tuple[tuple[str, str], ...]
    changed: float

    @classmethod
    def parse(cls, path: Path, columns: str) -> FileSource:
        """A file with a mapping as ``amount=TX_AMOUNT,fraud=TX_FRAUD``.

        Raises:
            FraudstreamError: the file cannot be read, the mapping makes no sense, or a column is missing.
        """
        if not path.is_file():
            raise FraudstreamError(f"There is no file {path}.")
        mapped = dict(_pairs(columns))
        present = _header(path)
        for field, column in mapped.items():
            if column not in present:
                raise FraudstreamError(
                    f"{path} has no column {column} for {field}: it has {_listed(present)}."
                )
        chosen = {field: mapped.get(field, field) for field in FIELDS}
        found = {field: column for field, column in chosen.items() if column in present}
        if missing := [field for field in REQUIRED if field not in found]:
            raise FraudstreamError(
                f"{path} has no column for {missing[0]}: name it by --columns {missing[0]}=COLUMN; "
                f"it has {_listed(present)}."
            )
        return cls(path, tuple(found.items()), path.stat().st_mtime)

    def load(self, delay: float) -> Dataset:
        """Read the file; where it has no label times, frauds are known ``delay`` seconds after.

        Raises:
            FraudstreamError: a column holds what it must not.
        """
        table = _read(self.path, dict(self.columns))
        if not table.num_rows:
            raise FraudstreamError(f"{self.path} has no transactions.")
        read = partial(_column, table, self.path)
        times = whole_ticks(read_times(read("event_time"), "event_time", self.path))
        rows = _rows_in_order(times, table)
        frauds = read_frauds(read("fraud"), self.path)
        subjects, subject_names = read_tokens("subject", read("subject"))
        counterparties, counterparty_names = read_tokens("counterparty", read("counterparty"))
        facts, fact_list = _facts(table)
        dropped = table.num_rows - len(rows)
        repeats = f", {dropped:,} rows with the id of an earlier one left out" if dropped else ""
        return Dataset(
            sentence=f"{self.path.name}{repeats}",
            ids=_ids(table, rows),
            times=times[rows],
            subjects=subjects[rows],
            counterparties=counterparties[rows],
            facts=facts[rows],
            amounts=read_amounts(read("amount"), self.path)[rows],
            frauds=frauds[rows],
            label_times=self._label_times(table, times, frauds, delay)[rows],
            subject_names=subject_names,
            counterparty_names=counterparty_names,
            fact_list=fact_list,
        )

    def _label_times(self, table: Any, times: Floats, frauds: Flags, delay: float) -> Floats:
        if "label_time" not in table.column_names:
            return np.where(frauds, times + delay, NEVER_LABELLED)
        column = table.column("label_time")
        told = column.is_valid().to_numpy()
        label_times = np.full(len(times), NEVER_LABELLED)
        label_times[told] = read_times(column.drop_null(), "label_time", self.path)
        if too_early := np.count_nonzero(label_times < times):
            raise FraudstreamError(
                f"{self.path} has {too_early:,} rows whose label_time is before event_time."
            )
        return label_times


def _pairs(columns: str) -> Iterator[tuple[str, str]]:
    """Read a mapping.

    Raises:
        FraudstreamError: it is not FIELD=COLUMN,... of known fields.
    """
    for pair in filter(None, (part.strip() for part in columns.split(","))):
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not (equals and column):
            raise FraudstreamError(f"--columns is a list of FIELD=COLUMN parted by commas, but has {pair!r}.")
        if field not in FIELDS:
            raise FraudstreamError(
                f"--columns names no known field {field!r}: the fields are {_listed(FIELDS)}."
            )
        yield field, column


def _listed(names: Any) -> str:
    """Names of columns; what is none, as in a file without a header, is not shown."""
    return ", ".join(
        name if _NAME.fullmatch(name) else f"column {place}" for place, name in enumerate(names, 1)
    )


def _header(path: Path) -> list[str]:
    """The names of a file's columns."""
    try:
        if path.suffix == ".parquet":
            return list(parquet.read_schema(path).names)
        with csv.open_csv(path) as reader:
            return list(reader.schema.names)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None


def _read(path: Path, columns: dict[str, str]) -> Any:
    """The mapped columns as a table, named by their fields; ids and categories as text."""
    wanted = list(dict.fromkeys(columns.values()))
    texts = [
        columns[field] for field in columns if field not in {"event_time", "label_time", "amount", "fraud"}
    ]
    options = csv.ConvertOptions(
        include_columns=wanted, column_types=dict.fromkeys(texts, pa.string()), strings_can_be_null=True
    )
    try:
        if path.suffix == ".parquet":
            table = parquet.read_table(path, columns=wanted)
        else:
            table = csv.read_csv(path, convert_options=options)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None
    chosen = {field: table.column(column) for field, column in columns.items()}
    return pa.table({field: _without_blanks(column) for field, column in chosen.items()})


def _without_blanks(column: Any) -> Any:
    """A column in which an empty text is no value, as in a CSV file it is none."""
    if not pa.types.is_string(column.type):
        return column
    is_blank = compute.equal(compute.utf8_trim_whitespace(column), "")
    return compute.if_else(is_blank, pa.scalar(None, pa.string()), column)


def _column(table: Any, path: Path, field: str) -> Any:
    """A column without gaps.

    Raises:
        FraudstreamError: it has some.
    """
    column = table.column(field)
    if column.null_count:
        raise FraudstreamError(f"{path} has {column.null_count:,} rows without {field}.")
    return column


def _rows_in_order(times: Floats, table: Any) -> Integers:
    """Rows by time, without those whose id came before."""
    order: Integers = np.argsort(times, kind="stable").astype(np.int64)
    if "transaction_id" not in table.column_names:
        return order
    ids = table.column("transaction_id").combine_chunks()
    codes = ids.dictionary_encode().indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    has_none = ids.is_null().to_numpy(zero_copy_only=False)
    codes[has_none] = -1 - np.flatnonzero(has_none)  # each is a transaction of its own
    _, firsts = np.unique(codes[order], return_index=True)
    return order[np.sort(firsts)]


def _ids(table: Any, rows: Integers) -> list[str]:
    """A token for each transaction."""
    if "transaction_id" not in table.column_names:
        return [token("transaction", row) for row in rows.tolist()]
    names = table.column("transaction_id").cast(pa.string()).take(pa.array(rows)).to_pylist()
    return [
        token("row", row) if name is None else token("transaction", name)
        for row, name in zip(rows.tolist(), names, strict=True)
    ]


def _facts(table: Any) -> tuple[Integers, list[tuple[tuple[str, str], ...]]]:
    """Numbers of what else the rows name, and each combination once."""
    combinations = Names[tuple[tuple[str, str], ...]]()
    present = [field for field in DIMENSIONS if field in table.column_names]
    columns = [table.column(field).cast(pa.string()).to_pylist() for field in present]
    kinds = [DIMENSIONS[field] for field in present]
    for values in zip(*columns, strict=True) if columns else [()] * table.num_rows:
        named = zip(kinds, values, strict=True)
        combinations.add(tuple((kind, tokenised(kind, value)) for kind, value in named if value))
    return combinations.column(), combinations.names()


def _unreadable(path: Path, error: Exception) -> FraudstreamError:
    """Say why a file cannot be read, in words that hold nothing of it: pyarrow's texts quote whole rows."""
    text = str(error)
    if isinstance(error, OSError):
        why = error.strerror or "it cannot be opened"
    elif path.suffix == ".parquet":
        why = "it is no Parquet file"
    elif counts := _COUNTS.search(text):
        expected, got = map(int, counts.groups())
        why = (
            f"a row has {got} fields where the header has {expected}: quote fields that hold a comma, and "
            "write a point in decimal numbers"
        )
        if expected == 1:
            why = "its header is one field: part fields by commas, not semicolons, and decimals by a point"
    elif "UTF8" in text or "UTF-8" in text:
        why = "it is not UTF-8: save it in that encoding"
    elif column := _COLUMN.search(text):
        why = f"column {int(column[1]) + 1} holds values of more than one kind"
    else:
        why = "it is no CSV file with a header"
    return FraudstreamError(f"{path} cannot be read: {why}.")
