"""What a bank runs is its own business: no library tells anybody, or keeps an identifier of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = ("ORT_", "CI", "GITHUB_", "TF_BUILD", "XDG_")
"""Variables by which ONNX Runtime would keep quiet, or write elsewhere, whatever the service does."""


def test_onnx_runtime_keeps_no_identifier_when_the_service_imports_it(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    program = "import fraudstream.worker.compose, sys; assert 'onnxruntime' in sys.modules"
    subprocess.run([sys.executable, "-B", "-c", program], env=environment, check=True)
    assert not list(tmp_path.rglob("*"))
