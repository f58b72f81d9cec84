"""A bank's Kafka in tests: listeners for passwords and for certificates, and access rules that are kept."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from service import free_port

from fraudstream.kafka.access import Kind
from fraudstream.local.broker import LocalKafka
from tests.certificates import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fraudstream.kafka.access import AclRule

SECURITY = "org.apache.kafka.common.security"
PROTOCOLS = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,NAMED:SASL_SSL,MUTUAL:SSL"
MECHANISMS: Final = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
KINDS: Final = {
    Kind.TOPIC: ResourceType.TOPIC,
    Kind.GROUP: ResourceType.GROUP,
    Kind.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
    Kind.CLUSTER: ResourceType.BROKER,
}


@dataclass(frozen=True)
class SecureBroker:
    """One running broker; over its plain listener everything is allowed, for whoever prepares a test.

    Attributes:
        folder: certificates and keys: `server`, and `client` for mutual TLS, whose key has a password.
        plain: address of the plain listener.
        named: address of the listener that asks for name and password.
        mutual: address of the listener that asks for a certificate.
    """

    folder: Path
    plain: str
    named: str
    mutual: str

    def add_user(self, name: str, password: str) -> None:
        """Let somebody in by SCRAM."""
        admin = AdminClient({"bootstrap.servers": self.plain})
        for mechanism in MECHANISMS:
            credential = ScramCredentialInfo(mechanism, 4096)
            change = UserScramCredentialUpsertion(name, credential, password.encode())
            admin.alter_user_scram_credentials([change])[name].result(20)

    def grant(self, principal: str, rights: Iterable[AclRule]) -> None:
        """Give somebody these rights and no other."""
        rules = [
            AclBinding(
                KINDS[right.kind],
                right.name,
                ResourcePatternType[right.pattern.name],
                principal,
                "*",
                AclOperation[operation.name],
                AclPermissionType.ALLOW,
            )
            for right in rights
            for operation in right.operations
        ]
        admin = AdminClient({"bootstrap.servers": self.plain})
        for made in admin.create_acls(rules).values():
            made.result(20)


@contextmanager
def secure_broker(folder: Path, password: str, key_password: str) -> Iterator[SecureBroker]:
    """A broker that lets `bank` in by this password, and whoever has the client's certificate."""
    make_certificate(folder, "server")
    make_certificate(folder, "client", key_password)
    port, named, mutual, controller = (free_port() for _ in range(4))
    properties = _listeners(port, named, mutual, controller) | _proofs(folder, password)
    with LocalKafka.start(folder / "kafka", port=port, properties=properties) as kafka:
        addresses = (kafka.bootstrap_servers, f"localhost:{named}", f"localhost:{mutual}")
        broker = SecureBroker(folder, *addresses)
        broker.add_user("bank", password)
        yield broker


def _listeners(port: int, named: int, mutual: int, controller: int) -> dict[str, str]:
    """A listener for names and passwords and one for certificates, beside the plain ones."""
    clients = f"PLAINTEXT://127.0.0.1:{port},NAMED://localhost:{named},MUTUAL://localhost:{mutual}"
    return {
        "listeners": f"{clients},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": clients,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": PROTOCOLS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # who comes over the plain listeners
    }


def _proofs(folder: Path, password: str) -> dict[str, str]:
    """What the two listeners ask for."""
    plain = f'{SECURITY}.plain.PlainLoginModule required user_bank="{password}";'
    scram = f"{SECURITY}.scram.ScramLoginModule required;"
    named = "listener.name.named"
    return {
        f"{named}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        f"{named}.plain.sasl.jaas.config": plain,
        f"{named}.scram-sha-256.sasl.jaas.config": scram,
        f"{named}.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.mutual.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "client.crt"),
    }
