"""A bank's Kafka: every way of proving who one is, the whole service with no more rights than it needs."""

from __future__ import annotations

import ssl
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient
from faulty import read_committed
from secure_broker import SecureBroker, secure_broker
from service import LEARNING_SIDE, answer, free_port, service, values, wait_until

from fraudstream.kafka.access import Role, rights
from fraudstream.kafka.admin import KafkaUnreachable, kafka_admin
from fraudstream.settings import KafkaSettings
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from schemas.label import Label, LabelOrigin, Outcome
from tests.certificates import make_certificate, needs_openssl
from tests.planted import PLANTED, planted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service import Service

    from fraudstream.simulate.world import SimulatedTransaction

pytestmark = [pytest.mark.kafka, needs_openssl]

PASSWORD = f"{PLANTED}-kafka-sasl-password"
KEY_PASSWORD = f"{PLANTED}-kafka-ssl-key-password"
DEBUG = "generic,broker,topic,metadata,protocol,cgrp,security,fetch,admin,eos,conf"
COUNT = 200


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    with secure_broker(tmp_path_factory.mktemp("secure"), PASSWORD, KEY_PASSWORD) as broker:
        yield broker


# -- both client libraries


def assert_both_clients_get_in(settings: KafkaSettings) -> None:
    with kafka_admin(settings) as admin:
        assert admin.describe_cluster()["brokers"]
    brokers = AdminClient({**settings.librdkafka(), "log_level": 0}).list_topics(timeout=20).brokers
    assert len(brokers) == 1


def by_password(secure: SecureBroker, **changes: Any) -> KafkaSettings:
    values = {
        "bootstrap_servers": secure.named,
        "security_protocol": "sasl_ssl",
        "sasl_username": "bank",
        "sasl_password": PASSWORD,
        "ssl_ca_file": secure.folder / "server.crt",
    }
    return KafkaSettings(**(values | changes))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_name_and_password_get_in_over_tls(secure: SecureBroker, mechanism: str) -> None:
    assert_both_clients_get_in(by_password(secure, sasl_mechanism=mechanism))


def test_a_client_certificate_gets_in(secure: SecureBroker) -> None:
    assert_both_clients_get_in(
        KafkaSettings(
            bootstrap_servers=secure.mutual,
            security_protocol="ssl",
            ssl_ca_file=secure.folder / "server.crt",
            ssl_certificate_file=secure.folder / "client.crt",
            ssl_key_file=secure.folder / "client.key",
            ssl_key_password=KEY_PASSWORD,
        )
    )


REFUSED = "(Authentication failed|it ends each connection)"
"""The broker hangs up with its answer, and a client on a busy machine may miss that."""


def test_why_it_does_not_get_in_is_one_sentence(
    secure: SecureBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fraudstream.kafka.admin.BOOTSTRAP_MS", 6000)
    untrusted = by_password(secure, ssl_ca_file=secure.folder / "client.crt")
    stranger = by_password(secure, sasl_mechanism="PLAIN", sasl_password="battery-staple")  # noqa: S106 - a test's
    for settings, reason in ((untrusted, "CERTIFICATE_VERIFY_FAILED"), (stranger, REFUSED)):
        with (
            pytest.raises(KafkaUnreachable, match=rf"^[^\n]+{reason}[^\n]+\.$") as caught,
            kafka_admin(settings),
        ):
            pytest.fail("it must not get in")
        assert "staple" not in str(caught.value)


# -- the whole service, with a secret in every setting that is one


class SecureService:
    """A service whose scorers come by password and whose learners come by certificate."""

    def __init__(self, secure: SecureBroker, running: Service) -> None:
        self.secure = secure
        self.running = running
        make_certificate(secure.folder, "web", f"{PLANTED}-web-ssl-key-password")
        web = {"WEB__SSL_CERTIFICATE_FILE": "web.crt", "WEB__SSL_KEY_FILE": "web.key"}
        own = {"KAFKA__SSL_CERTIFICATE_FILE": "client.crt", "KAFKA__SSL_KEY_FILE": "client.key"}
        files = {"KAFKA__SSL_CA_FILE": "server.crt", **web, **own}
        client = f'{{"sasl.oauthbearer.client.secret": "{PLANTED}-client", "debug": "{DEBUG}"}}'
        running.settings |= {
            **planted(secure.folder / "client.key"),
            **{name: str(secure.folder / file) for name, file in files.items()},
            "KAFKA__BOOTSTRAP_SERVERS": secure.named,
            "KAFKA__CLIENT": client,
            "LOG__LEVEL": "debug",
            "LABELLING__GENUINE_SHARE": "1",
        }
        self.scorer_name, self.learner_name = "User:bank", "User:CN=client"

    def grant(self) -> None:
        group = self.running.settings.get("WORKER__GROUP", f"{self.running.prefix}group")
        for principal, role in ((self.scorer_name, Role.SCORING), (self.learner_name, Role.LEARNING)):
            self.secure.grant(principal, rights(role, self.running.topics, group))

    def start_learning(self) -> subprocess.Popen[bytes]:
        return self.running.start(
            WORKER__AGENTS=LEARNING_SIDE,
            KAFKA__BOOTSTRAP_SERVERS=self.secure.mutual,
            KAFKA__SECURITY_PROTOCOL="ssl",
            KAFKA__SASL_USERNAME="",
            KAFKA__SASL_PASSWORD="",
            WEB__PORT=str(free_port()),
        )

    def asked(self, worker: subprocess.Popen[bytes], path: str) -> str:
        """What somebody with the token gets from the worker's web server."""
        token = self.running.settings["WEB__TOKEN"]
        request = urllib.request.Request(
            f"https://localhost:{worker.port}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        tls = ssl.create_default_context(cafile=self.secure.folder / "web.crt")
        return answer(request, tls)

    def command(self, *command: str, **extra: str) -> subprocess.Popen[str]:
        """A command of the service, started."""
        return subprocess.Popen(
            [sys.executable, "-m", "fraudstream", *command],
            env=self.running.environment(WEB__PORT=str(free_port()), **extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def whole(secure: SecureBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureService]:
    with service(secure.plain, tmp_path_factory.mktemp("whole")) as running:
        yield SecureService(secure, running)


def test_the_service_runs_by_password_and_by_certificate_with_just_the_rights_of_its_roles(
    whole: SecureService,
) -> None:
    """Without any right a worker does not start; with those of its role it does all of its work."""
    running = whole.running
    refused = whole.command("worker")
    assert "Kafka lacks" in refused.communicate(timeout=60)[0]
    whole.grant()
    scorer, learner = running.start(), whole.start_learning()
    start = (datetime.now(UTC) - timedelta(days=9)).date()
    sent = list(islice(CardWorld(Handbook.of_size(50, 8, start)), COUNT))
    running.produce([(each.subject.encode(), each.encode()) for each in sent])
    running.produce([(None, fraud(each).to_json()) for each in sent[:20]], running.topics.labels)
    running.wait_until_processed()
    scores = read_committed(running.servers, running.topics.scores)
    assert {each["transaction_id"] for each in values(scores)} == {each.transaction_id for each in sent}
    wait_until(partial(running.has_learnt, scores), 60, running.logs)
    examples = running.topics.examples
    wait_until(lambda: read_committed(running.servers, examples), 60, running.logs)
    for worker in (scorer, learner):
        said = partial(whole.asked, worker, "/readyz?verbose")
        wait_until(lambda said=said: "readyz check passed" in said(), 60, said)


def fraud(transaction: SimulatedTransaction) -> Label:
    return Label(
        transaction_id=transaction.transaction_id,
        subject=transaction.subject,
        outcome=Outcome.FRAUD,
        origin=LabelOrigin.ANALYST,
        label_time=datetime.fromtimestamp(transaction.event_time + 60, UTC),
    )


BREAKING = {
    "nobody listens": {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"},
    "wrong password": {"KAFKA__SASL_PASSWORD": f"{PLANTED}-wrong"},
    "wrong key password": {"KAFKA__SSL_KEY_PASSWORD": f"{PLANTED}-wrong"},
    "no certificate": {"KAFKA__SSL_CERTIFICATE_FILE": __file__},
    "client property of no such choice": {"KAFKA__CLIENT": f'{{"debug": "{PLANTED}"}}'},
    "wrong web key password": {"WEB__SSL_KEY_PASSWORD": f"{PLANTED}-wrong"},
}


def test_no_surface_shows_a_secret_however_a_start_fails(whole: SecureService) -> None:
    running = whole.running
    assert len(running.workers) == 2, "those of the test before still run"
    broken = {
        why: whole.command("worker", DELIVERY__START_TIMEOUT_SECONDS="1", **changes)
        for why, changes in BREAKING.items()
    }
    commands = [whole.command(*command) for command in (("doctor",), ("config", "show"), ("topics", "check"))]
    told = {why: started.communicate(timeout=120)[0] for why, started in broken.items()}
    assert {why: started.returncode for why, started in broken.items()} == dict.fromkeys(broken, 1)
    told |= {"commands": "\n".join(each.communicate(timeout=120)[0] for each in commands)}
    for worker in running.workers:
        told[f"worker {worker.port}"] = "".join(
            (
                whole.asked(worker, "/metrics"),
                whole.asked(worker, "/readyz?verbose"),
                Path(f"/proc/{worker.pid}/cmdline").read_text(),
            )
        )
    assert running.stop() == [0, 0]
    told["logs"] = "\n".join(path.read_text() for path in running.folder.glob("worker-*.log"))
    assert '"level": "debug"' in told["logs"]
    assert "SASL" in told["logs"]
    shown = {
        (why, line[:1_000]) for why, text in told.items() for line in text.splitlines() if PLANTED in line
    }
    assert shown == set()
