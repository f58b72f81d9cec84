"""What an operator does with models: list, look at, pin, roll back, and build one again from its examples.

`reading` reads topics whole; `versions` knows what is published and in force; `pinning` tells the scorers;
`rebuilding` folds the log of examples anew.
"""

from __future__ import annotations

from fraudstream.model_admin.pinning import choose, pin, unpin, version_before
from fraudstream.model_admin.reading import ModelRefused
from fraudstream.model_admin.rebuilding import Rebuilt, compare, rebuild
from fraudstream.model_admin.versions import Published, Versions, read_versions, signing_key

__all__ = [
    "ModelRefused",
    "Published",
    "Rebuilt",
    "Versions",
    "choose",
    "compare",
    "pin",
    "read_versions",
    "rebuild",
    "signing_key",
    "unpin",
    "version_before",
]
