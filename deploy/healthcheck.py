"""Asks this container's worker whether it lives; exit status 1 where it does not answer.

Run by the image's HEALTHCHECK, so it needs the interpreter alone. It asks whether the event loop turns, not
who answers: the server's certificate is for other names than this one.
"""

from __future__ import annotations

import os
import ssl
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection

TIMEOUT_SECONDS = 4
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


def connection() -> HTTPConnection:
    """The connection to the web server that the settings in the environment describe."""
    host = os.environ.get("FRAUDSTREAM_WEB__HOST", "127.0.0.1")
    host, port = _EVERYWHERE.get(host, host), int(os.environ.get("FRAUDSTREAM_WEB__PORT", "6066"))
    if not os.environ.get("FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE"):
        return HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=unverified)


def lives() -> bool:
    """Whether `/livez` answers, and well."""
    asked = connection()
    try:
        asked.request("GET", "/livez")
        return asked.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        asked.close()


if __name__ == "__main__":
    sys.exit(not lives())
