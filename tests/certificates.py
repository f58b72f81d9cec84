"""Certificates for tests, made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the test's certificates are made by openssl"
)


def make_certificate(folder: Path, name: str, password: str | None = None) -> Path:
    """A self-signed certificate for localhost: `name.key`, `name.crt`, and both in `name.pem` (returned)."""
    key, certificate, both = (folder / f"{name}.{suffix}" for suffix in ("key", "crt", "pem"))
    names = f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"
    secret = ["-nodes"] if password is None else ["-passout", f"pass:{password}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "2", "-subj", *names]
    subprocess.run([*command, *secret, *files], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    return both
