"""`fraudstream subject`: what is held on a card or an account, and how it is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from fraudstream.cli.output import AsJson, emit, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from fraudstream.admin.data_subject.certificate import Certificate
    from fraudstream.admin.data_subject.matching import TokenRole

app = typer.Typer(help="Show and erase what is held on a card or an account.", no_args_is_help=True)

Token = Annotated[str, typer.Argument(help="Token of the card or account, as transactions carry it.")]


@app.command()
def show(
    token: Token,
    *,
    records: Annotated[bool, typer.Option("--records", help="Each record that names it, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """All that a running service holds on it; nothing is changed, and nothing stops."""
    from fraudstream.admin.data_subject.inventory import (  # noqa: PLC0415
        document,
        lines,
        take_stock,
    )
    from fraudstream.settings import load_settings  # noqa: PLC0415 - see the package's docstring

    stock = take_stock(load_settings(), token, _teller(as_json=as_json) if records else None)
    if as_json:
        emit(document(stock))
    else:
        for line in lines(stock):
            typer.echo(line)
    if stock.is_empty:
        say("Nothing is held on it" + (" but records of erasures." if stock.holdings else "."))


@app.command()
def erase(
    token: Token,
    *,
    out: Annotated[Path, typer.Option(help="File for the certificate.")],
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the workers.")] = 300.0,
) -> None:
    """Have it forgotten by every worker and by the model, and write a signed certificate.

    Exit status 1 when a worker did not confirm in time; it follows when it runs, and a repeat certifies it.
    """
    from fraudstream.admin.data_subject.certificate import signed  # noqa: PLC0415
    from fraudstream.admin.data_subject.erasure import erase as forget  # noqa: PLC0415
    from fraudstream.admin.data_subject.tracker import Request  # noqa: PLC0415
    from fraudstream.admin.models import signing_key  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    key = signing_key(settings)
    request = Request.of(token, uuid4().hex, datetime.now(UTC))
    certificate = forget(settings, key, request, patience=wait, say=say, clock=lambda: datetime.now(UTC))
    if certificate is None:
        say("Nothing is held on it: nothing was written.")
        return
    out.write_bytes(_document(signed(certificate, key)))
    _tell(certificate, out)
    if not certificate.is_complete:
        raise typer.Exit(1)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A certificate.", exists=True, dir_okay=False)],
    *,
    token: Annotated[str | None, typer.Option(help="See that it is of this card or account.")] = None,
) -> None:
    """Say whether a certificate is as this service signed it, and whose it is."""
    from fraudstream.admin.data_subject.certificate import CertificateRefused, token_hmac, verified  # noqa: PLC0415
    from fraudstream.admin.models import signing_key  # noqa: PLC0415 - see the package's docstring
    from fraudstream.settings import load_settings  # noqa: PLC0415

    key = signing_key(load_settings())
    certificate = verified(file.read_bytes(), key)
    if token is not None and token_hmac(token, key) != certificate.token_hmac:
        raise CertificateRefused("The certificate is of another card or account.")
    say(f"The certificate of {certificate.completed_at:%Y-%m-%d %H:%M:%S%z} is rightly signed.")


def _teller(*, as_json: bool) -> Callable[[Message, TokenRole], None]:
    def tell(record: Message, role: TokenRole) -> None:
        value = (record.value() or b"").decode(errors="replace")
        place = f"{record.topic()}/{record.partition()}@{record.offset()}"
        if as_json:
            emit({"record": place, "role": role, "value": value})
        else:
            typer.echo(f"{place} as {role}: {value}")

    return tell


def _document(document: dict[str, Any]) -> bytes:
    import orjson  # noqa: PLC0415 - see the package's docstring

    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _tell(certificate: Certificate, out: Path) -> None:
    for store in certificate.stores:
        say(f"{store.store}: {store.held} held, {store.status}.")
    model = certificate.model
    say(f"model {model.name}: {model.examples} examples, {model.status}; in force {model.after.version}.")
    for left in certificate.remains:
        until = f"until {left.until:%Y-%m-%d} at the latest" if left.until else "without a date"
        what = f"{left.records} records stay {until}" if left.records else left.why
        say(f"{left.topic}: {what}.")
    say(f"The certificate is in {out}.")
