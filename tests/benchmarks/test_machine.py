"""The CPU clock of another process is the one that it has itself."""

from __future__ import annotations

import os
import time

import pytest

from benchmarks.machine import cpu_seconds, describe


def test_a_process_read_from_outside_has_used_what_it_says_itself() -> None:
    assert cpu_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.05)


def test_a_process_that_is_gone_has_no_clock() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    with pytest.raises(OSError, match="Invalid argument"):
        cpu_seconds(child)


def test_the_machine_is_described() -> None:
    machine = describe()
    assert machine.cores >= 1
    assert machine.memory_gib > 0
    assert machine.kafka.count(".") == 2
    assert "confluent-kafka" in machine.packages
