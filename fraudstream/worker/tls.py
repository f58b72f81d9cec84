"""The worker's web server as the settings want it: its TLS, and who is let in."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from agents.web import Access
from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from fraudstream.settings import WebSettings


class ServerCertificateRefused(FraudstreamError):
    """A certificate or key of the web server cannot be used; the text is one sentence."""


def access(web: WebSettings) -> Access:
    """Say what lets in."""
    token = None if web.token is None else web.token.get_secret_value().encode()
    return Access(token=token, by_certificate=web.ssl_client_ca_file is not None)


def server_tls(web: WebSettings) -> ssl.SSLContext | None:
    """The TLS of the server; None where it speaks plain HTTP.

    A client may come without a certificate, as the kubelet does, and is then shown no more than a stranger;
    one that shows a certificate of another authority is turned away.

    Raises:
        CertificateRefused: a file is none of what its setting says, or the key's password is wrong.
    """
    if web.ssl_certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    password = "" if web.ssl_key_password is None else web.ssl_key_password.get_secret_value()
    try:
        # without a password, OpenSSL would ask for one at the terminal
        context.load_cert_chain(web.ssl_certificate_file, web.ssl_key_file, password)
    except OSError as error:
        raise ServerCertificateRefused(
            "The web server cannot use FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE, FRAUDSTREAM_WEB__SSL_KEY_FILE "
            f"and FRAUDSTREAM_WEB__SSL_KEY_PASSWORD together ({_word(error)}): they must be a certificate, "
            "its private key and that key's password."
        ) from None
    if web.ssl_client_ca_file is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(web.ssl_client_ca_file)
        except OSError as error:
            raise ServerCertificateRefused(
                f"FRAUDSTREAM_WEB__SSL_CLIENT_CA_FILE holds no certificates ({_word(error)}): it must be a "
                "PEM file of those that signed the clients' certificates."
            ) from None
    return context


def _word(error: OSError) -> str:
    """The reason alone: OpenSSL's text names its own source lines."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or "it cannot be read").lower().replace("_", " ")
