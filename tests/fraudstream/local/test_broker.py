"""Why a local Kafka may not start, each in one sentence, and the lock that its jars are held to."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from fraudstream.errors import LocalKafkaError
from fraudstream.local.broker import LocalKafka, _configure, _reason, new_cluster_id
from fraudstream.local.jars import LOCK, KafkaJarsError, kafka_jars

if TYPE_CHECKING:
    from pathlib import Path


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LocalKafkaError, match=rf"^Port {port} on 127.0.0.1 is taken: .*\.$"):
            LocalKafka.start(tmp_path, port=port)


def test_a_start_outside_the_main_thread_is_refused(tmp_path: Path) -> None:
    caught: list[Exception] = []

    def start() -> None:
        try:
            LocalKafka.start(tmp_path)
        except LocalKafkaError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr("requests.request", refuse)
    said: list[str] = []
    with pytest.raises(KafkaJarsError, match=r"cannot be fetched \(ConnectionError\): .*Maven Central"):
        kafka_jars(said.append)
    assert said[0].startswith("Fetching Apache Kafka (46 jars)")


def test_a_jar_with_another_checksum_is_removed_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path))

    def forge(artifact: object) -> Path:
        path: Path = artifact.cached_path  # type: ignore[attr-defined]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not what the lock names")
        return path

    monkeypatch.setattr("jgo.maven.Artifact.resolve", forge)
    with pytest.raises(KafkaJarsError, match="another SHA-256"):
        kafka_jars(lambda _: None)


def test_every_jar_is_locked_with_a_checksum_and_kafka_in_one_version() -> None:
    text = LOCK.read_text()
    assert text.count("[[dependencies]]") == text.count("sha256 = ") == 46
    versions = {
        block.split('version = "')[1].split('"')[0]
        for block in text.split("[[")[1:]
        if "apache.kafka" in block
    }
    assert versions == {"4.3.1"}


def test_given_properties_come_after_the_profiles_own_so_that_they_hold(tmp_path: Path) -> None:
    _configure(tmp_path, 9092, 9093, {"node.id": "2", "ssl.keystore.type": "PEM"})
    lines = (tmp_path / "server.properties").read_text().splitlines()
    assert [line for line in lines if line.startswith("node.id")] == ["node.id=1", "node.id=2"]
    assert lines[-1] == "ssl.keystore.type=PEM"


def test_the_reason_is_the_first_line_that_tells_an_error() -> None:
    assert _reason("starting\nFatal: java.net.BindException: in use\n\tat x\nbye\n").startswith("Fatal")
    assert _reason("only this\n\n") == "only this"
    assert _reason("") == "without a word"


def test_nonew_cluster_id_reads_as_an_option() -> None:
    ids = {new_cluster_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(name) for name in ids} == {22}
    assert not any(name.startswith("-") for name in ids)
