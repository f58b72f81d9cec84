"""What an operator does with models: list, look at, pin, roll back, and build one again from its examples.

`reading` reads topics whole; `controls` knows what scorers were told, and tells them; `policies` makes the
controls of the decision policy; `versions` knows what is published and in force; `pinning` chooses a version;
`rebuilding` folds the log of examples anew.
"""

from __future__ import annotations

from fraudstream.model_admin.controls import ControlLog, issue, read_controls
from fraudstream.model_admin.pinning import choose, version_before
from fraudstream.model_admin.reading import ModelRefused, signing_key
from fraudstream.model_admin.rebuilding import Rebuilt, compare, rebuild
from fraudstream.model_admin.versions import Published, Versions, read_versions

__all__ = [
    "ControlLog",
    "ModelRefused",
    "Published",
    "Rebuilt",
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
