"""Secrets that can be told among others, set wherever the tree of settings has a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.settings.tree import PREFIX, secrets, variable

if TYPE_CHECKING:
    from pathlib import Path

PLANTED = "planted-horse"
CLIENT = "sasl.oauthbearer.client.secret"


def planted(pem: Path) -> dict[str, str]:
    """Every secret setting, and what must be set beside it, as variables without their prefix.

    A setting that is new is set too, to a text; where it takes no text, the tests that use it say so.

    Args:
        pem: stands for each certificate and key.
    """
    values = {variable(secret): f"{PLANTED}-{'-'.join(secret).replace('_', '-')}" for secret in secrets()}
    values[variable(("kafka", "client"))] = f'{{"{CLIENT}": "{PLANTED}-client"}}'
    files = {
        f"{section}__{name}": str(pem)
        for section in ("KAFKA", "WEB")
        for name in ("SSL_CERTIFICATE_FILE", "SSL_KEY_FILE")
    }
    beside = {"KAFKA__SECURITY_PROTOCOL": "sasl_ssl", "KAFKA__SASL_USERNAME": "bank"}
    return {name.removeprefix(PREFIX): value for name, value in values.items()} | files | beside
