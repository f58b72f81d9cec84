"""The exchange rates that an operator gives in a file, as a control."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import orjson

from fraudstream.admin.models.controls import ModelRefused
from schemas.control import CONTROL
from schemas.decoding import checked

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.control import Control

_COLUMNS: Final = ["as_of", "base", "currency", "rate"]
_FORMS: Final = (
    'give JSON such as {"as_of": "2026-11-30", "base": "EUR", "rates": {"USD": 1.16}}, or CSV with the '
    f"header {','.join(_COLUMNS)}"
)
_DATE_LENGTH: Final = len("2026-11-30")


def exchange_rates(data: bytes, *, issued_at: datetime, remark: str | None = None) -> Control:
    """The control by which amounts are converted by the rates of a file, JSON or CSV.

    Raises:
        ModelRefused: the file is neither, or scorers would refuse what it says.
    """
    fields = _of_json(data) if data.lstrip().startswith(b"{") else _of_csv(data)
    as_of = fields.get("as_of")
    if isinstance(as_of, str) and len(as_of) == _DATE_LENGTH:
        fields["as_of"] = f"{as_of}T00:00:00Z"
    document = {**fields, "kind": "exchange-rates", "issued_at": issued_at, "remark": remark}
    try:
        return checked(CONTROL.validate_python, document, tagged=True)
    except ValueError as refusal:
        raise ModelRefused(f"Scorers would refuse these rates: {refusal}.") from None


def _of_json(data: bytes) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ModelRefused(f"The file is no JSON (line {error.lineno}): {_FORMS}.") from None
    return {name: fields[name] for name in ("as_of", "base", "rates") if name in fields}


def _of_csv(data: bytes) -> dict[str, Any]:
    try:
        header, *rows = csv.reader(StringIO(data.decode("utf-8-sig")), strict=True)
        # Strictly four: a decimal comma makes a fifth, and 1,16 dollars would be one.
        table = [(as_of, base, currency, float(rate)) for as_of, base, currency, rate in rows]
    except (ValueError, csv.Error):
        header, table = [], []
    dates = {(as_of, base) for as_of, base, _, _ in table}
    rates = {currency: rate for _, _, currency, rate in table}
    if header != _COLUMNS or len(dates) != 1 or len(rates) != len(table):
        raise ModelRefused(f"The file has no rates of one date and one base, each currency once: {_FORMS}.")
    [(as_of, base)] = dates
    return {"as_of": as_of, "base": base, "rates": rates}
