"""Times: RFC 3339 with offset in, the same instant and offset out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.fields.times import Time

TIME = TypeAdapter(Time)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS)  # noqa: DTZ001 - bounds


@given(time=TIMES)
def test_a_time_comes_through_the_wire_with_its_instant_and_offset(time: datetime) -> None:
    read = TIME.validate_python(time.isoformat())
    assert read == time
    assert read.utcoffset() == time.utcoffset()
    assert TIME.validate_json(TIME.dump_json(read)) == time


@given(time=TIMES)
def test_code_may_give_an_aware_datetime_but_no_naive_one(time: datetime) -> None:
    assert TIME.validate_python(time) == time
    with pytest.raises(ValidationError):
        TIME.validate_python(time.replace(tzinfo=None))


@pytest.mark.parametrize("text", ["2026-11-24t10:15:30z", "2026-11-24T10:15:30.000000000-00:00"])
def test_the_forms_that_the_standard_leaves_open_are_taken(text: str) -> None:
    assert TIME.validate_python(text) == datetime(2026, 11, 24, 10, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        0,
        1795511731,
        1795511730.5,
        "1795511730",
        "",
        "2026-11-24",
        "2026-11-24T10:15:30",
        "2026-11-24 10:15:30Z",
        "2026-11-24T10:15Z",
        "2026-11-24T10:15:30+0100",
        "2026-11-24T10:15:30+25:00",
        "2026-11-24T24:00:00Z",
        "2026-11-24T23:59:60Z",
        "2026-02-29T10:15:30Z",
        "2026-11-24T10:15:30Z\n",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "\u0662026-11-24T10:15:30Z",
        None,
        True,
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="RFC 3339"):
        TIME.validate_python(value)
