"""A supervisord with programs that a test thinks up."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from db import settings
from tests.waiting import until
from worker.supervisor.rpc import is_up, processes

Supervise = Callable[[dict[str, str], str, str], None]
"""Run programs (settings by name), and wait until the named one is in a state."""

WORKS = "command = cat\nstartsecs = 0\n"
"""Until supervisord, at the other end of its stdin, is gone."""
STOPPED = f"{WORKS}autostart = false\n"
FAILS = "command = sh -c 'sleep 0.3; echo out of luck; exit 1'\nstartsecs = 1\n"
FATAL = f"{FAILS}startretries = 0\n"
ESSENTIAL = {"recovery": WORKS, "scheduler": WORKS}
_CONF = """\
[unix_http_server]
file = {run}/supervisor.sock
chmod = 0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
logfile = {run}/supervisord.log
pidfile = {run}/supervisord.pid
childlogdir = {run}
"""
_PROGRAM = """\
[program:{name}]
{settings}
redirect_stderr = true
stdout_logfile = {run}/{name}.log
"""


def start(folder: Path, programs: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a supervisord whose configuration is in `folder`."""
    run = settings.run_dir()
    conf = folder / "supervisord.conf"
    sections = [_PROGRAM.format(name=each, settings=programs[each], run=run) for each in programs]
    conf.write_text(_CONF.format(run=run) + "".join(sections))
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(conf)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def wait_for(name: str, state: str) -> None:
    """Wait until a program is in a state."""
    until(lambda: is_up() and {each.name: each.state for each in processes()}[name] == state)
