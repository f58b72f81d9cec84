"""The models of a service: list them, pin one, roll back, and build one again from its examples.

`controls` reads and writes topic `controls`; `versions` lists what is published and in force, and pins;
`rebuild` folds the log of examples; `rates` reads exchange rates from a file.
"""

from __future__ import annotations

from fraudstream.admin.models.controls import ControlLog, ModelRefused, issue, read_controls, signing_key
from fraudstream.admin.models.rebuild import RebuiltModel, compare, rebuild
from fraudstream.admin.models.versions import Published, Versions, choose, read_versions, version_before

__all__ = [
    "ControlLog",
    "ModelRefused",
    "Published",
    "RebuiltModel",
    "Versions",
    "choose",
    "compare",
    "issue",
    "read_controls",
    "read_versions",
    "rebuild",
    "signing_key",
    "version_before",
]
