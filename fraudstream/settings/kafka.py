"""How to reach Kafka: addresses, TLS and SASL, in the words of both client libraries.

Credentials never go over an unencrypted connection unless a setting of its own says so.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, FilePath, SecretStr, model_validator
from pydantic_core import from_json

from fraudstream.settings.sections import Section

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_LAST_PORT = 65_535

# librdkafka properties that settings of their own hold, or that the delivery guarantees rest on.
_RESERVED = frozenset(
    {
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.ssl.certificate.verification",
        "group.id",
        "group.instance.id",
        "isolation.level",
        "metadata.broker.list",
        "partition.assignment.strategy",
        "partitioner",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.password",
        "sasl.username",
        "security.protocol",
        "session.timeout.ms",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.endpoint.identification.algorithm",
        "ssl.key.location",
        "ssl.key.password",
        "transaction.timeout.ms",
        "transactional.id",
    }
)

# All of librdkafka's passwords, keys and tokens have names that begin so.
_CREDENTIALS = ("sasl.", "ssl.")


def _addresses(text: str) -> str:
    for address in map(str.strip, text.split(",")):
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise ValueError(f"each address must be host:port, parted by commas, and {address!r} is not")
        if not 0 < int(match[1]) <= _LAST_PORT:
            raise ValueError(f"a port is a number from 1 to {_LAST_PORT}, and that of {address!r} is not")
    return text


def _json(value: object) -> object:
    try:
        return from_json(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(
            'it must be a JSON object of strings, as {"socket.keepalive.enable": "true"}'
        ) from None


def _unreserved(client: dict[str, SecretStr]) -> dict[str, SecretStr]:
    if reserved := sorted(_RESERVED & client.keys()):
        raise ValueError(
            f"{reserved[0]} must not be set here: a setting of its own or the service decides it"
        )
    return client


class KafkaSettings(Section):
    """The connection to Kafka."""

    bootstrap_servers: Annotated[str, AfterValidator(_addresses)] = "127.0.0.1:9092"
    """Addresses of brokers, host:port, parted by commas."""
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """Whether the connection is encrypted (ssl) and authenticated by name and password (sasl)."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How name and password are proved."""
    sasl_username: str | None = None
    """The name for SASL."""
    sasl_password: SecretStr | None = None
    """The password for SASL."""
    allow_plaintext_credentials: bool = False
    """Lets the password, and what the client property sets of sasl and ssl, go unencrypted."""
    ssl_ca_file: FilePath | None = None
    """PEM file of the authorities trusted to sign the brokers' certificates; the system's when absent."""
    ssl_certificate_file: FilePath | None = None
    """PEM file of this client's certificate, for mutual TLS."""
    ssl_key_file: FilePath | None = None
    """PEM file of this client's private key."""
    ssl_key_password: SecretStr | None = None
    """The password of the private key."""
    client: Annotated[dict[str, SecretStr], BeforeValidator(_json), AfterValidator(_unreserved)] = Field(
        default_factory=dict
    )
    """More librdkafka properties, a JSON object of strings; they reach the worker and the simulator."""

    @model_validator(mode="after")
    def _sasl_is_whole(self) -> Self:
        uses_sasl = self.security_protocol.startswith("sasl_")
        if uses_sasl and not (self.sasl_username and self.sasl_password):
            raise ValueError(
                "FRAUDSTREAM_KAFKA__SASL_USERNAME and FRAUDSTREAM_KAFKA__SASL_PASSWORD must both be set when "
                f"FRAUDSTREAM_KAFKA__SECURITY_PROTOCOL is {self.security_protocol}"
            )
        if not uses_sasl and (self.sasl_username or self.sasl_password):
            raise ValueError(
                f"FRAUDSTREAM_KAFKA__SECURITY_PROTOCOL is {self.security_protocol}, which uses no name and "
                "password: set it to sasl_ssl, or remove FRAUDSTREAM_KAFKA__SASL_USERNAME and _PASSWORD"
            )
        if self.security_protocol == "sasl_plaintext" and not self.allow_plaintext_credentials:
            raise ValueError(
                "FRAUDSTREAM_KAFKA__SECURITY_PROTOCOL=sasl_plaintext would send the password unencrypted: "
                "set it to sasl_ssl, or FRAUDSTREAM_KAFKA__ALLOW_PLAINTEXT_CREDENTIALS=true"
            )
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        of_tls = (self.ssl_ca_file, self.ssl_certificate_file, self.ssl_key_file, self.ssl_key_password)
        if any(of_tls) and not self.security_protocol.endswith("ssl"):
            raise ValueError(
                f"FRAUDSTREAM_KAFKA__SECURITY_PROTOCOL is {self.security_protocol}, which uses no TLS: set "
                "it to ssl or sasl_ssl, or remove the FRAUDSTREAM_KAFKA__SSL_ settings"
            )
        if bool(self.ssl_certificate_file) != bool(self.ssl_key_file):
            raise ValueError(
                "FRAUDSTREAM_KAFKA__SSL_CERTIFICATE_FILE and FRAUDSTREAM_KAFKA__SSL_KEY_FILE "
                "must be set together"
            )
        return self

    @model_validator(mode="after")
    def _client_is_protected(self) -> Self:
        """Passwords, keys and tokens among librdkafka's own properties are held to the same rule."""
        if self.allow_plaintext_credentials or self.security_protocol.endswith("ssl"):
            return self
        if credentials := sorted(name for name in self.client if name.startswith(_CREDENTIALS)):
            raise ValueError(
                f"FRAUDSTREAM_KAFKA__CLIENT sets {credentials[0]} and FRAUDSTREAM_KAFKA__SECURITY_PROTOCOL "
                f"is {self.security_protocol}, which is unencrypted: set it to ssl or sasl_ssl, or "
                "FRAUDSTREAM_KAFKA__ALLOW_PLAINTEXT_CREDENTIALS=true"
            )
        return self

    def librdkafka(self) -> dict[str, str | int]:
        """The connection as librdkafka properties (confluent-kafka); secrets in clear."""
        own: dict[str, str | int] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            **self._sasl("sasl.mechanism", "sasl.username", "sasl.password"),
            **self._tls(
                "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password"
            ),
        }
        return own | {name: value.get_secret_value() for name, value in self.client.items()}

    def kafka_python(self) -> dict[str, Any]:
        """The connection as arguments of kafka-python's clients; secrets in clear."""
        return {
            "bootstrap_servers": [address.strip() for address in self.bootstrap_servers.split(",")],
            "security_protocol": self.security_protocol.upper(),
            **self._sasl("sasl_mechanism", "sasl_plain_username", "sasl_plain_password"),
            **self._tls("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password"),
        }

    def without_secrets(self, text: str) -> str:
        """A text in which none of these secrets stands any more."""
        for secret in (self.sasl_password, self.ssl_key_password, *self.client.values()):
            if secret:
                text = text.replace(secret.get_secret_value(), str(secret))
        return text

    def _sasl(self, mechanism: str, username: str, password: str) -> dict[str, str]:
        """Name and password under a client library's names; nothing without SASL."""
        if not (self.sasl_username and self.sasl_password):
            return {}
        secret = self.sasl_password.get_secret_value()
        return {mechanism: self.sasl_mechanism, username: self.sasl_username, password: secret}

    def _tls(self, ca: str, certificate: str, key: str, key_password: str) -> dict[str, str]:
        """What is set of TLS, under a client library's names."""
        password = self.ssl_key_password
        values = {
            ca: self.ssl_ca_file,
            certificate: self.ssl_certificate_file,
            key: self.ssl_key_file,
            key_password: password.get_secret_value() if password else None,
        }
        return {name: str(value) for name, value in values.items() if value is not None}
