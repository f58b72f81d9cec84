"""Becomes another command that the kernel kills when the process that asked for it dies.

Run as a program by its own path: `python tether.py PARENT_PID COMMAND [ARGUMENT...]`. The parent-death signal
outlives `exec`, so the command keeps this process's id and needs no watcher beside it; setting it here, not
between the parent's fork and exec, keeps Python code out of that narrow place. Linux only: prctl(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tether(parent_pid: int, command: list[str]) -> None:
    """Replace this process by `command` (absolute path, arguments), tied to the life of `parent_pid`."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the tie held
        sys.exit("the parent process is gone")
    os.execv(command[0], command)  # noqa: S606 - becoming the given command is the purpose


if __name__ == "__main__":
    tether(int(sys.argv[1]), sys.argv[2:])
