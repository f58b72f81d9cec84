"""Writes the dashboards as Grafana reads them: `python -m deploy.grafana`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import learning, quality, speed, working

FOLDER: Final = Path(__file__).parent / "dashboards"
PAGES: Final = {
    "working": working.build,
    "quality": quality.build,
    "speed": speed.build,
    "learning": learning.build,
}


def text(name: str) -> str:
    """The file of one dashboard."""
    return JSONEncoder(sort_keys=True, indent=2).encode(PAGES[name]().build()) + "\n"


def main() -> None:
    """Write every dashboard's file."""
    for name in PAGES:
        (FOLDER / f"{name}.json").write_text(text(name))


if __name__ == "__main__":
    main()
