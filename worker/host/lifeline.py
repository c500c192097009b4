"""Processes that do not outlive the process that watches over them, and signs of life for it.

A supervisord that was killed leaves its programs behind: nobody restarts them, and the next
supervisord starts a second set beside them.
"""

import ctypes
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

SUPERVISED = "--supervised"
"""The argument of a command line in supervisord.conf. The environment does not say it: whatever is
started in a shell below some supervisord inherits that.
"""
SCHEDULES = "--schedules"
"""The argument there of a recovery that meets the schedules too."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NAMES = {b"supervisord", b"supervisord.py", b"supervisor.supervisord"}
_PROGRAM_WORDS = 4
"""python -u -m supervisor.supervisord"""


def die_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send this process `signal_number` when its parent, process `parent`, ends.

    It is sent at once when the parent has ended before. It survives an exec, and ends with a fork:
    each child asks for itself. Only Linux can do this; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def die_with_supervisord(signal_number: int = signal.SIGTERM) -> None:
    """Have a program that supervisord started end with it; one started by hand just goes on."""
    if SUPERVISED not in sys.argv or sys.platform != "linux":
        return
    parent = os.getppid()
    die_with_parent(signal_number, parent)
    if not is_supervisord(parent):
        sys.stderr.write(f"process {parent}, the parent, is no supervisord: ending\n")
        os.kill(os.getpid(), signal_number)


def is_supervisord(pid: int) -> bool:
    """Whether this process is a supervisord, by what its command line runs."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    # The program itself, or what an interpreter runs: a later word is only an argument.
    return any(word.rpartition(b"/")[2] in _NAMES for word in words[:_PROGRAM_WORDS])


_EVERY = 20.0
"""Seconds between two signs of life."""
_shown = float("-inf")


def is_watched() -> bool:
    """Whether somebody waits for signs of life."""
    return bool(os.environ.get("NOTIFY_SOCKET") or os.environ.get("ALIVE_FILE"))


def show_life() -> None:
    """Say that this program lives, to whoever asks for it; cheap to call often.

    The watchdog of systemd (sd_notify(3)) waits for it, and a check of a container's health for a
    new time of the file that ALIVE_FILE names.
    """
    global _shown  # noqa: PLW0603  # of this process
    if not is_watched() or time.monotonic() - _shown < _EVERY:
        return
    _shown = time.monotonic()
    watchdog, file = os.environ.get("NOTIFY_SOCKET", ""), os.environ.get("ALIVE_FILE", "")
    with suppress(OSError):  # who watches over this finds out by itself
        if file:
            Path(file).touch()
        if watchdog:
            address = f"\0{watchdog[1:]}" if watchdog.startswith("@") else watchdog
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
                notice.sendto(b"WATCHDOG=1", address)
