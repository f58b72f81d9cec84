"""deploy/topics.yaml is what the service needs of Kafka, said in Strimzi's words, and nothing else."""

from __future__ import annotations

import shlex
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.topics import Topics
from fraudstream.kafka.access import Kind, Role, rights
from fraudstream.kafka.topics import full_config
from fraudstream.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
FILE = DEPLOY / "topics.yaml"


def load(path: Path) -> Any:
    """The program as a module, without running it."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


program = load(DEPLOY / "topics.py")


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(FILE.read_text(encoding="utf-8")))


def test_the_file_is_what_the_program_writes_for_three_copies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAUDSTREAM_TOPICS__REPLICATION_FACTOR", "3")
    monkeypatch.setattr("sys.argv", ["topics.py"])
    program.main()
    assert FILE.read_text(encoding="utf-8") == capsys.readouterr().out, (
        "Write it anew, as the docstring of deploy/topics.py says."
    )


def test_every_topic_is_there_with_three_copies_of_which_one_may_be_missing(
    documents: list[dict[str, Any]],
) -> None:
    specs = {spec.name: spec for spec in Settings().topics.specs()}
    found = {d["spec"]["topicName"]: d["spec"] for d in documents if d["kind"] == "KafkaTopic"}
    assert found.keys() == specs.keys()
    for name, topic in found.items():
        assert topic["partitions"] == specs[name].partitions
        assert topic["replicas"] == 3
        assert topic["config"] == full_config(specs[name], 3)


def test_every_role_is_there_with_exactly_its_rights(documents: list[dict[str, Any]]) -> None:
    found = {d["metadata"]["name"]: d["spec"]["authorization"] for d in documents if d["kind"] == "KafkaUser"}
    assert found.keys() == {f"fraudstream-{role}" for role in Role}
    for role in Role:
        given = {
            (acl["resource"].get("name", "kafka-cluster"), tuple(acl["operations"]))
            for acl in found[f"fraudstream-{role}"]["acls"]
        }
        needed = rights(role, Topics(), Settings().worker.group)
        assert given == {(right.name, right.operations) for right in needed}


def test_settings_name_and_size_what_is_written() -> None:
    settings = Settings(topics={"prefix": "Prod_1.", "partitions": 24}, worker={"group": "fraud"})
    made = list(program.documents(settings))
    assert made[0]["metadata"]["name"] == "prod-1.transactions"  # a name that Kubernetes takes
    assert made[0]["spec"]["topicName"] == "Prod_1.transactions"
    assert made[0]["spec"]["partitions"] == 24
    assert "fraud.learning" in {
        acl["resource"].get("name")
        for document in made
        if document["kind"] == "KafkaUser"
        for acl in document["spec"]["authorization"]["acls"]
    }


def test_the_commands_grant_the_same_rights_one_a_resource() -> None:
    lines = [shlex.split(line) for line in program.commands(Settings())]
    expected = [
        (f"User:fraudstream-{role}", right)
        for role in Role
        for right in rights(role, Topics(), Settings().worker.group)
    ]
    assert len(lines) == len(expected)
    for words, (principal, right) in zip(lines, expected, strict=True):
        assert words[words.index("--allow-principal") + 1] == principal
        assert [words[i + 1] for i, word in enumerate(words) if word == "--operation"] == list(
            right.operations
        )
        assert words[words.index("--resource-pattern-type") + 1] == right.pattern
        if right.kind is Kind.CLUSTER:
            assert "--cluster" in words
        else:
            assert words[words.index(f"--{right.kind}") + 1] == right.name
