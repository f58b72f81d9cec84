"""The connection to Kafka: whole credentials, never in the clear, the same for both client libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from kafka.admin import KafkaAdminClient
from pydantic import ValidationError

from fraudstream.settings import KafkaSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct-horse"  # noqa: S105 - a test's password
SASL: dict[str, Any] = {"security_protocol": "sasl_ssl", "sasl_username": "bank", "sasl_password": SECRET}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl_over_tls_maps_to_both_clients(mechanism: str, tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    kafka = KafkaSettings(**SASL, sasl_mechanism=mechanism, ssl_ca_file=authorities)  # type: ignore[arg-type]
    assert kafka.librdkafka() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": mechanism,
        "sasl.username": "bank",
        "sasl.password": SECRET,
        "ssl.ca.location": str(authorities),
    }
    assert kafka.kafka_python() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "bank",
        "sasl_plain_password": SECRET,
        "ssl_cafile": str(authorities),
    }


def test_mutual_tls_maps_to_both_clients(tmp_path: Path) -> None:
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    certificate.touch()
    key.touch()
    kafka = KafkaSettings(
        security_protocol="ssl",
        ssl_certificate_file=certificate,
        ssl_key_file=key,
        ssl_key_password=SECRET,  # type: ignore[arg-type] - pydantic wraps it
    )
    assert kafka.librdkafka() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "ssl",
        "ssl.certificate.location": str(certificate),
        "ssl.key.location": str(key),
        "ssl.key.password": SECRET,
    }
    assert kafka.kafka_python() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "SSL",
        "ssl_certfile": str(certificate),
        "ssl_keyfile": str(key),
        "ssl_password": SECRET,
    }


def test_both_clients_know_every_property_they_are_given() -> None:
    kafka = KafkaSettings(**SASL)
    Producer({**kafka.librdkafka(), "log_level": 0})  # raises on an unknown property; it connects lazily
    assert kafka.kafka_python().keys() <= KafkaAdminClient.DEFAULT_CONFIG.keys()
    tls = {"ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password"}
    assert tls <= KafkaAdminClient.DEFAULT_CONFIG.keys()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({**SASL, "security_protocol": "plaintext"}, "which uses no name and password"),
        ({**SASL, "security_protocol": "sasl_plaintext"}, "would send the password unencrypted"),
        ({"security_protocol": "sasl_ssl", "sasl_username": "bank"}, "must both be set"),
        ({"security_protocol": "ssl", "ssl_certificate_file": __file__}, "must be set together"),
        ({"ssl_ca_file": __file__}, "which uses no TLS"),
        ({"ssl_certificate_file": __file__, "ssl_key_file": __file__}, "which uses no TLS"),
        ({"ssl_key_password": SECRET}, "which uses no TLS"),
        ({"client": {"sasl.oauthbearer.client.secret": SECRET}}, "sets sasl.oauthbearer.client.secret and"),
        ({"client": {"ssl.keystore.password": SECRET}}, "sets ssl.keystore.password and"),
        ({"client": {"ssl.key.pem": SECRET}}, "which is unencrypted"),
        ({"client": {"security.protocol": "plaintext"}}, "security.protocol must not be set here"),
        ({"client": {"enable.ssl.certificate.verification": "false"}}, "must not be set here"),
    ],
)
def test_half_or_unprotected_credentials_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        KafkaSettings(**values)


def test_what_is_no_credential_may_be_set_over_plaintext() -> None:
    assert KafkaSettings(client={"socket.keepalive.enable": "true"}).security_protocol == "plaintext"  # type: ignore[dict-item]


def test_plaintext_credentials_need_a_setting_of_their_own() -> None:
    kafka = KafkaSettings(**{**SASL, "security_protocol": "sasl_plaintext"}, allow_plaintext_credentials=True)
    assert kafka.librdkafka()["sasl.password"] == SECRET


def test_no_secret_shows_in_words_or_json() -> None:
    settings = Settings(kafka=KafkaSettings(**SASL, client={"sasl.oauthbearer.client.secret": SECRET}))  # type: ignore[dict-item]
    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()
