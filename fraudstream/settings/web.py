"""The worker's web server: where it listens, and who is let in."""

from ipaddress import ip_address
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, FilePath, SecretStr, model_validator

from fraudstream.settings.section import Section

SHORTEST_TOKEN: Final = 16
_SYMBOLS: Final = "-._~+/="


def _bearer(token: SecretStr) -> SecretStr:
    """Check that a header can carry the token (RFC 6750) and that nobody guesses it."""
    text = token.get_secret_value()
    if len(text) < SHORTEST_TOKEN or not all(
        letter.isascii() and (letter.isalnum() or letter in _SYMBOLS) for letter in text
    ):
        raise ValueError(
            f"it must have at least {SHORTEST_TOKEN} letters, digits or any of {_SYMBOLS}, for example from "
            "`openssl rand -hex 32`"
        )
    return token


class WebSettings(Section):
    """The worker's web server: health and metrics."""

    host: str = "127.0.0.1"
    """The address it listens on; beyond loopback it needs a token or client certificates."""
    port: Annotated[int, Field(ge=1, le=65535)] = 6066
    """The port it listens on; each worker of a machine needs its own."""
    token: Annotated[SecretStr, AfterValidator(_bearer)] | None = None
    """Lets in who sends it as `Authorization: Bearer`, to metrics and to the checks by name."""
    allow_plaintext_token: bool = False
    """Lets the token travel unencrypted beyond loopback: the network is trusted."""
    ssl_certificate_file: FilePath | None = None
    """PEM file of the server's certificate, and those that signed it; the server then speaks TLS only."""
    ssl_key_file: FilePath | None = None
    """PEM file of the server's private key."""
    ssl_key_password: SecretStr | None = None
    """The password of the private key."""
    ssl_client_ca_file: FilePath | None = None
    """PEM file of the authorities whose client certificates let in, as the token does."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if bool(self.ssl_certificate_file) != bool(self.ssl_key_file):
            raise ValueError(
                "FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE and FRAUDSTREAM_WEB__SSL_KEY_FILE must be set together"
            )
        if (self.ssl_client_ca_file or self.ssl_key_password) and not self.ssl_certificate_file:
            raise ValueError(
                "FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE and FRAUDSTREAM_WEB__SSL_KEY_FILE must be set where "
                "other FRAUDSTREAM_WEB__SSL_ settings are"
            )
        return self

    @model_validator(mode="after")
    def _strangers_are_kept_out(self) -> Self:
        if self.is_local:
            return self
        if not (self.token or self.ssl_client_ca_file):
            raise ValueError(
                f"FRAUDSTREAM_WEB__HOST is {self.host}, where others can reach it: set "
                "FRAUDSTREAM_WEB__TOKEN or FRAUDSTREAM_WEB__SSL_CLIENT_CA_FILE with a server's certificate, "
                "or listen on 127.0.0.1"
            )
        if self.token and not self.ssl_certificate_file and not self.allow_plaintext_token:
            raise ValueError(
                f"FRAUDSTREAM_WEB__HOST is {self.host}, so FRAUDSTREAM_WEB__TOKEN would travel unencrypted: "
                "set FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE and FRAUDSTREAM_WEB__SSL_KEY_FILE, or "
                "FRAUDSTREAM_WEB__ALLOW_PLAINTEXT_TOKEN=true"
            )
        return self
