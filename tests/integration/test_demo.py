"""The demo as a person starts it: it accounts for everything, and nothing of it is left, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kafka

LONGEST_SECONDS = 150
DECISIONS = re.compile(r"(\d+) (?:review|decline)")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A short demo without a terminal, its own folder below `tmp_path`."""
    command = [sys.executable, "-m", "fraudstream", "demo", "--seconds", "6", "--rate", "100"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRAUDSTREAM_")}
    environment |= {"TMPDIR": str(tmp_path), "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def left_of(folder: Path) -> list[str]:
    """The commands of running processes that have to do with a demo's folder."""
    commands = {
        path: _read(path / "cmdline") + _read(path / "environ") for path in Path("/proc").glob("[0-9]*")
    }
    return [text for text in commands.values() if str(folder).encode() in text]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended meanwhile, or somebody else's
        return b""


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found, text
    return int(found[1].replace(",", ""))


def wait_for_line(demo: subprocess.Popen[str], words: str) -> None:
    assert demo.stdout
    for line in demo.stdout:
        if words in line:
            return
    pytest.fail(f"the demo ended without {words!r}")


def test_a_demo_accounts_for_everything_and_leaves_nothing(
    demo: subprocess.Popen[str], tmp_path: Path
) -> None:
    output, errors = demo.communicate(timeout=LONGEST_SECONDS)
    assert (demo.returncode, errors) == (0, ""), output + errors
    assert all(character.isprintable() or character == "\n" for character in output)

    words = " ".join(output.split())
    sent, scored = number(r"([\d,]+) in =", words), number(r"= ([\d,]+) scored", words)
    refused, repeated = number(r"\+ ([\d,]+) dead letters", words), number(r"\+ ([\d,]+) repeats", words)
    assert scored == 600
    assert sent == scored + refused + repeated
    assert "read twice" not in words
    assert number(r"labels ([\d,]+) came late", words) == number(r"= ([\d,]+) taken in", words)
    assert "The prior model, its weights set by hand, scored 600; there was not enough to learn from" in words
    assert number(r"alerts ([\d,]+):", words) == sum(
        map(int, DECISIONS.findall(words.partition("accounted")[2]))
    )
    assert not left_of(tmp_path)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_a_demo_with_status_130_and_leaves_nothing(
    demo: subprocess.Popen[str], tmp_path: Path
) -> None:
    wait_for_line(demo, "Ready after")
    assert left_of(tmp_path)
    demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=LONGEST_SECONDS)
    assert demo.returncode == 130
    assert errors.strip() == "The demo was ended; nothing of it is left running."
    assert not left_of(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("slot", ["demo-2", pytest.param("demo-learning", marks=pytest.mark.long)])
def test_a_worker_that_dies_is_named_and_its_log_is_kept(
    demo: subprocess.Popen[str], tmp_path: Path, slot: str
) -> None:
    wait_for_line(demo, "Ready after")
    os.kill(_worker_pid(tmp_path, slot), signal.SIGKILL)
    output, errors = demo.communicate(timeout=LONGEST_SECONDS)
    assert demo.returncode == 1
    assert errors.startswith(f"The worker {slot} left with status -9; the last line of its log: ")
    (folder,) = tmp_path.iterdir()
    assert f"The logs are kept in {folder}." in output
    assert (folder / f"{slot}.log").exists()
    assert not left_of(tmp_path)


def _worker_pid(folder: Path, slot: str) -> int:
    """The process of a worker of the demo that keeps its things in `folder`."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for path in Path("/proc").glob("[0-9]*"):
            environment = _read(path / "environ")
            if f"TMPDIR={folder}".encode() in environment and f"SLOT={slot}".encode() in environment:
                return int(path.name)
        time.sleep(0.1)
    pytest.fail(f"there is no worker {slot}")
