"""The chart's schema of values knows the service's settings, and which of them are secrets or files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from fraudstream.settings import Settings
from fraudstream.settings.tree import leaves, secrets
from tests.deploy.chart import CHART, VALUES

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
DEFINITIONS = SCHEMA["definitions"]
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
NAMES = {f"{section}__{name}".upper() for section, name, _ in leaves()}
SECRETS = {f"{section}__{name}".upper() for section, name in secrets()}
FILES = {name for name in NAMES if re.search(DEFINITIONS["fileSetting"]["pattern"], name)}
BY_THE_CHART = set(DEFINITIONS["setByTheChart"]["enum"])


def accepts(definition: str, name: str, value: object) -> bool:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": DEFINITIONS}
    return jsonschema.Draft7Validator(schema).is_valid({name: value})


def test_every_setting_has_one_place_and_no_other_name_has_any() -> None:
    """As a value, from a Secret, as a file from a Secret, or set by the chart."""
    key = {"secret": "fraudstream", "key": "some"}
    for name in NAMES:
        places = {
            "settings": accepts("settings", name, "1"),
            "secretSettings": accepts("secretSettings", name, key),
            "secretFiles": accepts("secretFiles", name, key),
        }
        expected = "secretSettings" if name in SECRETS else "secretFiles" if name in FILES else "settings"
        wanted = set() if name in BY_THE_CHART else {expected}
        assert {place for place, taken in places.items() if taken} == wanted, name
    assert set(DEFINITIONS["secretSetting"]["enum"]) == SECRETS
    assert BY_THE_CHART <= NAMES
    for unknown in ("CONFIG", "NO_SUCH__SETTING", "kafka__client", "KAFKA_CLIENT"):
        assert not any(
            accepts(place, unknown, "1") for place in ("settings", "secretSettings", "secretFiles")
        )


def test_files_are_what_the_settings_call_so() -> None:
    named = {
        f"{section}__{name}".upper() for section, name, leaf in leaves() if "FilePath" in str(leaf.annotation)
    }
    assert named | {name for name in NAMES if name.endswith("_FILE")} == FILES


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_the_values_that_come_with_it_are_taken(values: Path) -> None:
    given = yaml.safe_load(values.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(SCHEMA).validate(merged(DEFAULTS, given))


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """As helm merges values: objects by their keys, anything else whole."""
    both = {
        key: merged(below[key], above[key]) for key in below.keys() & above if isinstance(below[key], dict)
    }
    return below | above | both


def test_a_schema_that_is_strict_leaves_no_object_open() -> None:
    """But for those whose keys are names given by others: labels, settings, and parts of Kubernetes' own."""
    for path, node in objects("", SCHEMA):
        is_closed = node.get("additionalProperties") is not None
        is_foreign = path.rpartition("/")[2] in {"affinity", "tlsConfig", "items", "global"}
        assert is_closed or is_foreign or "propertyNames" in node, path


def objects(path: str, node: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every part of a schema that describes an object."""
    if not isinstance(node, dict):
        return []
    own = [(path, node)] if node.get("type") == "object" else []
    return own + [found for key, part in node.items() for found in objects(f"{path}/{key}", part)]


def test_the_chart_starts_from_the_service_own_defaults() -> None:
    own = Settings()
    assert DEFAULTS["settings"]["TOPICS__PARTITIONS"] == own.topics.partitions
    assert DEFAULTS["web"]["port"] == own.web.port
    given = {**DEFAULTS["settings"], **DEFAULTS["scoring"]["settings"]}
    assert not [name for name in given if name.startswith("SCORING__")]
    assert own.scoring.policy == "budget"
    assert DEFAULTS["autoscaling"]["maxReplicas"] <= own.topics.partitions
