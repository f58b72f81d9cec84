"""deploy/compose.yaml: every container closed, every image pinned, every setting one that a worker takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraudstream.settings import Settings, load_settings
from fraudstream.settings.tree import secrets, variable, variables

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = sorted(name for name, service in SERVICES.items() if "build" in service)
WORKERS = [name for name in OWN if name != "topics"]


def loading(file: Path) -> list[str]:
    """The command that loads a compose file: docker's, else that of compose-go, the library in it."""
    docker, library = shutil.which("docker"), shutil.which("compose-spec")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return [docker, "compose", "--file", str(file), "config"]
    if library:
        return [library, str(file)]
    pytest.skip("neither docker's compose plugin nor compose-spec (of compose-go) is installed here")


def test_compose_takes_the_file(made: Path) -> None:
    file = Path(shutil.copy(DEPLOY / "compose.yaml", made.parent))  # where its secrets are
    done = subprocess.run(loading(file), cwd=made.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() == SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"} & service.keys()
    assert "mem_limit" in service


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_of_one_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


@pytest.mark.parametrize("name", SERVICES)
def test_only_this_machine_reaches_what_is_published(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_from_the_checkout_is_there_and_is_not_written(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, _, rest = mount.partition(":")
        if source.startswith("."):
            assert (DEPLOY / source).is_dir()
            assert rest.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", OWN)
def test_every_variable_is_a_setting_and_none_is_a_secret(name: str) -> None:
    given = SERVICES[name]["environment"].keys()
    assert given <= variables() | {"FRAUDSTREAM_CONFIG"}
    assert not given & {variable(path) for path in secrets()}


def settings(name: str, monkeypatch: pytest.MonkeyPatch, config: Path) -> Settings:
    """What a service is given, with this file in the place of its secrets."""
    for key, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("FRAUDSTREAM_CONFIG", str(config))
    return load_settings()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of secrets that deploy/make-secrets.sh makes."""
    folder = tmp_path_factory.mktemp("deploy")
    script = shutil.copy(DEPLOY / "make-secrets.sh", folder)
    subprocess.run(["/bin/sh", script], check=True)
    return folder / "secrets"


@pytest.mark.parametrize("name", OWN)
def test_its_settings_with_the_secrets_that_are_made_start_it(
    name: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings(name, monkeypatch, made / "fraudstream.toml")
    assert found.learning.signing_key is not None
    assert found.topics == Settings(topics={"partitions": 8}).topics  # all of one mind
    assert found.scoring == Settings().scoring, "it decides by the alert budget of the defaults"
    if name in WORKERS:
        assert not found.web.is_local
        assert found.worker.slot == name
        assert found.worker.learns == (name == "learning")


def test_a_worker_that_keeps_something_keeps_it_in_a_volume() -> None:
    keeping = {name for name in WORKERS if "/var/lib/fraudstream" in str(SERVICES[name].get("volumes"))}
    assert keeping == {"learning"}


def test_secrets_are_of_one_mind_and_made_only_once(made: Path) -> None:
    config = tomllib.loads((made / "fraudstream.toml").read_text(encoding="utf-8"))
    assert config["web"]["token"] == (made / "web_token").read_text(encoding="utf-8")
    assert config["web"]["token"] != config["learning"]["signing_key"]
    assert {f"./secrets/{path.name}" for path in made.iterdir()} == {
        secret["file"] for secret in COMPOSE["secrets"].values()
    }
    assert made.stat().st_mode & 0o077 == 0
    again = subprocess.run(["/bin/sh", made.parent / "make-secrets.sh"], capture_output=True, check=False)
    assert again.returncode == 1
    assert config["web"]["token"] == (made / "web_token").read_text(encoding="utf-8")


def test_workers_wait_for_the_topics_and_these_for_kafka() -> None:
    for name in WORKERS:
        assert SERVICES[name]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert SERVICES["topics"]["command"] == ["topics", "create"]


def test_prometheus_finds_every_worker_with_its_token() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    aliases = {name: name_in_network(SERVICES[name]) | {name} for name in WORKERS}
    jobs = config["scrape_configs"]
    asked = {name for job in jobs for part in job.get("dns_sd_configs", []) for name in part["names"]}
    assert all(aliases[name] & asked for name in WORKERS)
    for job in jobs:
        if asked & {name for part in job.get("dns_sd_configs", []) for name in part["names"]}:
            file = Path(job["authorization"]["credentials_file"])
            assert file.parent == Path("/run/secrets")
            assert file.name in SERVICES["prometheus"]["secrets"]


def name_in_network(service: dict[str, Any]) -> set[str]:
    networks = service["networks"]
    return set(networks["inside"]["aliases"]) if isinstance(networks, dict) else set()


def test_grafana_finds_its_dashboards_and_its_prometheus() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    [provider] = read(provisioning / "dashboards")["providers"]
    assert provider["options"]["path"] == mounts["./grafana/dashboards"]
    [source] = read(provisioning / "datasources")["datasources"]
    assert source["url"] == "http://prometheus:9090"


def read(folder: Path) -> dict[str, Any]:
    [file] = folder.glob("*.yaml")
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content
