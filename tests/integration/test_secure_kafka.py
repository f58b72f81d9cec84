"""A bank's Kafka: every way of proving who one is, over TLS, with both client libraries."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from fraudstream import local_kafka
from fraudstream.kafka_admin import KafkaUnreachable, kafka_admin
from fraudstream.local_kafka import LocalKafka
from fraudstream.settings import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="the test's certificates are made by openssl"),
]

PASSWORD = "correct-horse"  # noqa: S105 - a test's password
LISTENERS = """
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,NAMED:SASL_SSL,MUTUAL:SSL
listener.name.named.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.named.plain.sasl.jaas.config={security}.plain.PlainLoginModule required user_bank="{password}";
listener.name.named.scram-sha-256.sasl.jaas.config={security}.scram.ScramLoginModule required;
listener.name.named.scram-sha-512.sasl.jaas.config={security}.scram.ScramLoginModule required;
listener.name.mutual.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={server}
ssl.truststore.type=PEM
ssl.truststore.location={client}
"""


def make_certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for localhost: `name.key`, `name.crt`, and both in `name.pem` (returned)."""
    key, certificate, both = (folder / f"{name}.{suffix}" for suffix in ("key", "crt", "pem"))
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
    ]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    return both


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, int]]:
    """A broker with a listener for names and passwords and one for certificates: folder, and their ports."""
    folder = tmp_path_factory.mktemp("secure")
    named, mutual = free_port(), free_port()
    server, _ = make_certificate(folder, "server"), make_certificate(folder, "client")
    plain = "PLAINTEXT://{host}:{port}"
    more = f"{plain},NAMED://localhost:{named},MUTUAL://localhost:{mutual}"
    extra = LISTENERS.format(
        security="org.apache.kafka.common.security",
        password=PASSWORD,
        server=server,
        client=folder / "client.crt",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_kafka, "_PROPERTIES", local_kafka._PROPERTIES.replace(plain, more) + extra)
        kafka = LocalKafka.start(folder / "kafka")
    with kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            credential = ScramCredentialInfo(mechanism, 4096)
            made = admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion("bank", credential, PASSWORD.encode())]
            )
            made["bank"].result(20)
        yield folder, named, mutual


def assert_both_clients_get_in(settings: KafkaSettings) -> None:
    with kafka_admin(settings) as admin:
        assert admin.describe_cluster()["brokers"]
    brokers = AdminClient({**settings.librdkafka(), "log_level": 0}).list_topics(timeout=20).brokers
    assert len(brokers) == 1


def by_password(folder: Path, port: int, **changes: Any) -> KafkaSettings:
    values = {
        "bootstrap_servers": f"localhost:{port}",
        "security_protocol": "sasl_ssl",
        "sasl_username": "bank",
        "sasl_password": PASSWORD,
        "ssl_ca_file": folder / "server.crt",
    }
    return KafkaSettings(**(values | changes))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_name_and_password_get_in_over_tls(secure: tuple[Path, int, int], mechanism: str) -> None:
    folder, named, _ = secure
    assert_both_clients_get_in(by_password(folder, named, sasl_mechanism=mechanism))


def test_a_client_certificate_gets_in(secure: tuple[Path, int, int]) -> None:
    folder, _, mutual = secure
    assert_both_clients_get_in(
        KafkaSettings(
            bootstrap_servers=f"localhost:{mutual}",
            security_protocol="ssl",
            ssl_ca_file=folder / "server.crt",
            ssl_certificate_file=folder / "client.crt",
            ssl_key_file=folder / "client.key",
        )
    )


def test_why_it_does_not_get_in_is_one_sentence(
    secure: tuple[Path, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, named, _ = secure
    monkeypatch.setattr("fraudstream.kafka_admin.BOOTSTRAP_MS", 6000)
    untrusted = by_password(folder, named, ssl_ca_file=folder / "client.crt")
    stranger = by_password(folder, named, sasl_mechanism="PLAIN", sasl_password="battery-staple")  # noqa: S106 - a test's
    for settings, reason in ((untrusted, "CERTIFICATE_VERIFY_FAILED"), (stranger, "Authentication failed")):
        with (
            pytest.raises(KafkaUnreachable, match=rf"^[^\n]+{reason}[^\n]+\.$") as caught,
            kafka_admin(settings),
        ):
            pytest.fail("it must not get in")
        assert "staple" not in str(caught.value)
