"""Each alert fires when it must, keeps quiet just below that, and ends: `promtool test rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.ops.alert_cases import CASES
from tests.ops.rule_files import ALERTS, FILES, RULES, promtool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_alerts_fire_when_they_must_and_at_no_other_time(file: Path, tmp_path: Path) -> None:
    mine = {rule["alert"] for rule in RULES[file] if "alert" in rule}
    tests = [
        case.as_promtool(ALERTS[case.alert]["labels"]["severity"]) for case in CASES if case.alert in mine
    ]
    told = []
    for step in {test["interval"] for test in tests}:
        document = {
            "rule_files": [str(file)],
            "evaluation_interval": step,
            "tests": [test for test in tests if test["interval"] == step],
        }
        (tmp_path / f"{step}.yaml").write_text(yaml.safe_dump(document))
        told.append(promtool("test", "rules", str(tmp_path / f"{step}.yaml")))
    assert not any(told), "\n".join(told)


def test_every_alert_has_a_story_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    assert {case.alert for case in CASES if case.fires is not None} == ALERTS.keys()
    assert {case.alert for case in CASES if case.fires is None} == ALERTS.keys()
