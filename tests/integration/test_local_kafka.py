"""The local Kafka keeps its topics over a restart and leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from fraudstream.local.broker import LocalKafka

pytestmark = pytest.mark.kafka

PARENT = """
import sys, time
from pathlib import Path
from fraudstream.local.broker import LocalKafka
kafka = LocalKafka.start(Path(sys.argv[1]))
print(kafka.process.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_topics_survive_a_restart_on_the_same_folder_and_port(tmp_path: Path) -> None:
    with (
        LocalKafka.start(tmp_path) as first,
        KafkaAdminClient(bootstrap_servers=first.bootstrap_servers) as admin,
    ):
        admin.create_topics([NewTopic("kept", num_partitions=3, replication_factor=1)])
    assert first.process.returncode is not None

    with (
        LocalKafka.start(tmp_path, port=first.port) as second,
        KafkaAdminClient(bootstrap_servers=second.bootstrap_servers) as admin,
    ):
        assert second.port == first.port
        assert len(admin.describe_topics(["kept"])[0]["partitions"]) == 3


def test_the_broker_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        java = int(parent.stdout.readline())
        assert is_running(java)
        assert os.getsid(java) != os.getsid(0), "the terminal's Ctrl-C must not reach it"
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_running(java) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(java)
