"""The chart, rendered by helm: what Kubernetes takes, what a worker takes, and only what is restricted."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from fraudstream import cli
from fraudstream.kafka.access import Role
from fraudstream.settings import Settings
from fraudstream.settings.tree import secrets, variable, variables
from tests.deploy.chart import CHART, KUBERNETES, Document, containers, helm, one, pods, render, template

SMALLEST = CHART / "ci" / "smallest-values.yaml"
RULES = CHART.parent / "prometheus" / "rules"
DASHBOARDS = sorted((CHART.parent / "grafana" / "dashboards").glob("*.json"))
OF_OPERATORS = {"PodMonitor", "PrometheusRule", "ScaledObject"}
"""Kinds that Kubernetes itself does not know; their tests are of their own."""


def test_helm_finds_no_fault_with_it(values: Path) -> None:
    done = helm("lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(documents: list[Document], version: str) -> None:
    own = [document for document in documents if document["kind"] not in OF_OPERATORS]
    assert {"StatefulSet", "Service", "ServiceAccount", "Pod"} <= {document["kind"] for document in own}
    for document in own:
        kubernetes_validate.validate(document, version, strict=True)


def test_every_pod_is_restricted(documents: list[Document]) -> None:
    """As the pod security standard of that name wants it, and with a file system that nobody can write."""
    for owner, pod in pods(documents):
        spec, security = pod["spec"], pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True, owner
        assert security["runAsUser"] == security["runAsGroup"] == 65532, owner
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, owner
        assert spec["automountServiceAccountToken"] is False, owner
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), owner
        assert {kind for volume in spec["volumes"] for kind in volume} <= {"name", "emptyDir", "secret"}
    for owner, container in containers(documents):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, owner


def test_every_container_has_requests_and_limits_and_an_image_that_is_pinned(
    documents: list[Document],
) -> None:
    for owner, container in containers(documents):
        for bound in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][bound].keys(), owner
        assert ":latest" not in container["image"]
        assert "@sha256:" in container["image"] or ":" in container["image"].rpartition("/")[2]


def test_no_service_puts_variables_into_a_pod(documents: list[Document]) -> None:
    """A service named fraudstream would set FRAUDSTREAM_PORT, no setting: no worker would start."""
    assert all(pod["spec"]["enableServiceLinks"] is False for _, pod in pods(documents))


def test_every_variable_is_a_setting_given_once_and_secrets_come_from_secrets(
    documents: list[Document],
) -> None:
    secret = {variable(path) for path in secrets()}
    for owner, container in containers(documents):
        names = [entry["name"] for entry in container["env"]]
        assert set(names) <= variables(), owner
        assert len(names) == len(set(names)), owner
        for entry in container["env"]:
            assert (entry["name"] in secret) == ("secretKeyRef" in entry.get("valueFrom", {})), entry


def test_a_pod_is_given_settings_that_start_a_worker(
    documents: list[Document], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    some_file = tmp_path / "some.pem"
    some_file.touch()
    for owner, container in containers(documents):
        with monkeypatch.context() as environment:
            for name, value in given(container, some_file).items():
                environment.setenv(name, value)
            settings = Settings()
        if "scoring" in owner or "learning" in owner:
            assert settings.worker.slot == "metadata.name"
            assert settings.worker.learns == owner.endswith("learning")
            assert not settings.web.is_local


def given(container: Document, some_file: Path) -> dict[str, str]:
    """The environment of a container: secrets, fields and files are filled in."""
    return {entry["name"]: value_of(entry, some_file) for entry in container["env"]}


def value_of(entry: dict[str, Any], some_file: Path) -> str:
    if entry["name"].endswith("_FILE"):
        return str(some_file)
    if "value" in entry:
        return str(entry["value"])
    field = entry["valueFrom"].get("fieldRef", {}).get("fieldPath")
    return {"status.podIP": "10.1.2.3", None: "a-secret-of-32-letters-0123456789"}.get(field, field)


def test_a_file_from_a_secret_is_mounted_where_its_setting_says(bank: list[Document]) -> None:
    for _, pod in pods(bank):
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        [container] = pod["spec"]["containers"]
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        files = [entry["value"] for entry in container["env"] if entry["name"].endswith("_FILE")]
        assert len(files) == 4
        for file in map(Path, files):
            [item] = volumes[mounts[str(file.parent)]["name"]]["secret"]["items"]
            assert item["path"] == file.name


def test_the_workers_of_one_side_alone_have_a_disk_and_their_own_user(bank: list[Document]) -> None:
    users = {}
    for side in ("scoring", "learning"):
        workers = one(bank, "StatefulSet", side)["spec"]
        assert bool(workers.get("volumeClaimTemplates")) == (side == "learning")
        [container] = workers["template"]["spec"]["containers"]
        assert "/var/lib/fraudstream" in {mount["mountPath"] for mount in container["volumeMounts"]}
        users[side] = next(e["value"] for e in container["env"] if e["name"].endswith("SASL_USERNAME"))
    assert users == {"scoring": "fraudstream-scoring", "learning": "fraudstream-learning"}


def test_the_kubelet_asks_what_it_may_ask_without_a_secret(bank: list[Document]) -> None:
    for documents, scheme in ((bank, "HTTPS"), (render(SMALLEST), "HTTP")):
        for side in ("scoring", "learning"):
            [container] = one(documents, "StatefulSet", side)["spec"]["template"]["spec"]["containers"]
            asked = {name: container[name]["httpGet"] for name in container if name.endswith("Probe")}
            assert {name: get["path"] for name, get in asked.items()} == {
                "startupProbe": "/livez",
                "livenessProbe": "/livez",
                "readinessProbe": "/readyz",
            }
            assert {get["scheme"] for get in asked.values()} == {scheme}


def test_what_selects_pods_selects_those_that_are_made(documents: list[Document]) -> None:
    labels = {owner: pod["metadata"].get("labels", {}) for owner, pod in pods(documents)}
    workers = {owner: found for owner, found in labels.items() if owner.endswith(("scoring", "learning"))}
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "NetworkPolicy":
            assert all(matches(spec["podSelector"]["matchLabels"], found) for found in labels.values())
        elif document["kind"] == "Service":
            assert all(matches(spec["selector"], found) for found in workers.values())
        elif document["kind"] in {"PodDisruptionBudget", "PodMonitor", "StatefulSet"}:
            chosen = {owner for owner in labels if matches(spec["selector"]["matchLabels"], labels[owner])}
            assert chosen == {document["metadata"]["name"]}


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def test_the_topics_are_made_before_workers_start(bank: list[Document]) -> None:
    job = one(bank, "Job", "topics")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["topics", "create"]
    # What it needs must be there by then: the chart's own service account is not.
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]


def test_commands_are_the_operator_s_and_such_as_there_are(documents: list[Document]) -> None:
    commands = [container["args"] for _, container in containers(documents) if container["name"] == "command"]
    assert ["doctor", "--role", Role.OPERATOR] in commands
    for words in commands:
        asked = CliRunner().invoke(cli.app, [*words, "--help"])
        assert asked.exit_code == 0, asked.output


def test_the_autoscaler_follows_the_lag_of_the_scoring_workers(bank: list[Document]) -> None:
    scaled, workers = one(bank, "ScaledObject")["spec"], one(bank, "StatefulSet", "scoring")
    target = scaled["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("StatefulSet", workers["metadata"]["name"])
    assert "replicas" not in workers["spec"]  # else each upgrade would undo what the autoscaler did
    assert 1 <= scaled["minReplicaCount"] <= scaled["maxReplicaCount"] <= 24
    [trigger] = scaled["triggers"]
    settings = Settings(topics={"prefix": "prod."}, worker={"group": "fraud"})
    assert trigger["type"] == "kafka"
    assert trigger["authenticationRef"] == {"name": "fraudstream-kafka"}
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert trigger["metadata"] == {
        "bootstrapServers": "broker-1.bank.example:9093,broker-2.bank.example:9093",
        "consumerGroup": settings.worker.side_group,
        "topic": settings.topics.names().transactions,
        "lagThreshold": "5000",
        "offsetResetPolicy": "earliest",
        "allowIdleConsumers": "false",
        "tls": "enable",
        "sasl": "scram_sha512",
    }


def test_prometheus_is_given_the_token_and_the_authority(bank: list[Document]) -> None:
    for side in ("scoring", "learning"):
        [endpoint] = one(bank, "PodMonitor", side)["spec"]["podMetricsEndpoints"]
        [container] = one(bank, "StatefulSet", side)["spec"]["template"]["spec"]["containers"]
        [token] = [e for e in container["env"] if e["name"] == "FRAUDSTREAM_WEB__TOKEN"]
        assert endpoint["authorization"]["credentials"] == token["valueFrom"]["secretKeyRef"]
        assert endpoint["scheme"] == "https"
        assert endpoint["tlsConfig"]["serverName"] == "fraudstream.bank.example"
        assert endpoint["port"] in {port["name"] for port in container["ports"]}


def test_without_a_certificate_prometheus_asks_plainly() -> None:
    documents = render(SMALLEST, "--set", "podMonitor.enabled=true")
    [endpoint] = one(documents, "PodMonitor", "scoring")["spec"]["podMetricsEndpoints"]
    assert not {"scheme", "tlsConfig"} & endpoint.keys()


def rule_groups(runbooks: str) -> list[Document]:
    """The groups of deploy/prometheus/rules, with the runbooks published there."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(RULES.glob("*.yaml"))]
    return [
        group
        for text in texts
        for group in yaml.safe_load(text.replace("docs/runbooks/", runbooks))["groups"]
    ]


def test_the_rules_are_those_of_the_files(bank: list[Document]) -> None:
    published = "https://wiki.bank.example/fraudstream/"
    assert one(bank, "PrometheusRule")["spec"]["groups"] == rule_groups(published) != []
    alone = one(render(SMALLEST, "--set", "prometheusRule.enabled=true"), "PrometheusRule")
    assert alone["spec"]["groups"] == rule_groups("docs/runbooks/")


def test_the_dashboards_are_those_of_the_files(bank: list[Document]) -> None:
    maps = [document for document in bank if document["kind"] == "ConfigMap"]
    assert all(found["metadata"]["labels"]["grafana_dashboard"] == "1" for found in maps)
    given = {name: json.loads(text) for found in maps for name, text in found["data"].items()}
    assert given == {file.name: json.loads(file.read_text(encoding="utf-8")) for file in DASHBOARDS} != {}


def test_the_packaged_chart_makes_the_same(bank: list[Document], tmp_path: Path) -> None:
    """Its links into deploy/prometheus and deploy/grafana are followed; its tests' values are left out."""
    assert helm("package", CHART, "--destination", tmp_path).returncode == 0
    [package] = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        assert all(member.isfile() for member in archive)
        assert not any("/ci/" in member.name for member in archive)
    assert render(CHART / "ci" / "bank-values.yaml", chart=package) == bank


def test_only_names_kafka_and_what_is_named_are_reached(bank: list[Document]) -> None:
    policy = one(bank, "NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    [into] = policy["ingress"]
    assert into["ports"] == [{"protocol": "TCP", "port": "web"}]
    names, kafka, traces = policy["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    assert kafka["ports"] == [{"protocol": "TCP", "port": 9093}]
    assert kafka["to"] == [{"ipBlock": {"cidr": "10.20.0.0/16"}}]
    assert traces["ports"] == [{"protocol": "TCP", "port": 4318}]


def test_by_default_nobody_gets_in_and_the_ports_of_kafka_are_those_of_its_addresses() -> None:
    servers = "settings.KAFKA__BOOTSTRAP_SERVERS=[fd00::1]:9092\\, kafka-2:9094\\,kafka-3:9094"
    policy = one(render(SMALLEST, "--set", servers), "NetworkPolicy")["spec"]
    assert "ingress" not in policy
    assert [port["port"] for port in policy["egress"][1]["ports"]] == [9092, 9094]


def test_large_numbers_reach_the_worker_as_they_are() -> None:
    documents = render(
        SMALLEST,
        *("--set", "settings.DELIVERY__MAX_QUEUED_RECORDS=5000000"),
        *("--set", "settings.TOPICS__PARTITIONS=4000000"),
    )
    [container] = one(documents, "StatefulSet", "scoring")["spec"]["template"]["spec"]["containers"]
    values = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert values["FRAUDSTREAM_DELIVERY__MAX_QUEUED_RECORDS"] == "5000000"
    assert values["FRAUDSTREAM_TOPICS__PARTITIONS"] == "4000000"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("scoring.replicas=9", "more workers than partitions would be idle"),
        ("autoscaling.enabled=true,autoscaling.maxReplicas=9", "more workers than partitions would be idle"),
        ("autoscaling.enabled=true,autoscaling.minReplicas=8,autoscaling.maxReplicas=7", "must not be above"),
        (
            "autoscaling.enabled=true,settings.KAFKA__SECURITY_PROTOCOL=ssl",
            "autoscaling.authentication must name a TriggerAuthentication",
        ),
        ("settings.WEB__ALLOW_PLAINTEXT_TOKEN=false", "secretFiles.WEB__SSL_CERTIFICATE_FILE must name"),
        ("settings.KAFKA__BOOTSTRAP_SERVERS=null", "KAFKA__BOOTSTRAP_SERVERS"),
        ("settings.NO_SUCH__SETTING=1", "NO_SUCH__SETTING"),
        ("settings.LEARNING__SIGNING_KEY=0123456789abcdef", "LEARNING__SIGNING_KEY"),
        ("settings.WEB__HOST=0.0.0.0", "WEB__HOST"),
        ("settings.KAFKA__SSL_CA_FILE=/ca.pem", "KAFKA__SSL_CA_FILE"),
        ("scoring.settings.TOPICS__PREFIX=other.", "TOPICS__PREFIX"),
        ("scoring.resources.limits=null", "limits"),
        ("image.tag=latest", "/image/tag"),
        ("replicas=3", "replicas"),
    ],
)
def test_bad_values_are_refused(bad: str, said: str) -> None:
    done = template(SMALLEST, "--set", bad)
    assert done.returncode != 0
    assert said in done.stderr


def test_a_learner_without_a_key_is_refused() -> None:
    done = template(CHART / "ci" / "scoring-only-values.yaml", "--set", "learning.enabled=true")
    assert "secretSettings.LEARNING__SIGNING_KEY must name the Secret" in done.stderr


def test_a_web_server_that_lets_everybody_in_is_refused(tmp_path: Path) -> None:
    values = yaml.safe_load(SMALLEST.read_text(encoding="utf-8"))
    del values["secretSettings"]["WEB__TOKEN"]
    without = tmp_path / "values.yaml"
    without.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert "secretSettings.WEB__TOKEN must name the Secret" in template(without).stderr
