"""Starting and stopping the fleet of this data folder."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn
from xmlrpc.client import Fault

from db import settings
from db.connection import close_database
from worker.database import open_migrated
from worker.errors import FleetStartError, FleetStopError
from worker.locks import hold
from worker.redis import connect
from worker.redis_address import is_embedded
from worker.supervisor.config import REDIS_STOP, render
from worker.supervisor.instance import this_instance
from worker.supervisor.members import end, end_all, members, wait_for
from worker.supervisor.readiness import not_ready, wait_until_ready
from worker.supervisor.rpc import ProcessInfo, is_up, processes, supervisord
from worker.supervisor.socket_path import socket_file
from worker.topology import Topology, load
from worker.valkey import binary

__all__ = ["ProcessInfo", "is_outdated", "is_up", "processes", "run_in_foreground", "start", "stop"]

WARM_SECONDS = 5
"""How long workers may take to finish or put back their jobs before they are made to."""
_TALK_AFTER = 2
_LOCK_SECONDS = 120
_SHUTDOWN_SECONDS = 20

Say = Callable[[str], None]


def start(say: Say = lambda _: None) -> bool:
    """Start the fleet and wait until it can work; False when it was up before.

    A fleet that is up but not ready has its database migrated and what is down started. `say` is
    given a line when there is something to wait for. Raises TopologyError, FleetStartError,
    BadInputError, NoValkeyError, RedisUnreachableError, db.errors.DatabaseError or OSError; a
    fleet that does not become ready is stopped again.
    """
    topology = load()
    if not is_embedded():
        connect().close()
    socket_file()
    settings.prepare_data_dir()
    with hold(settings.run_dir() / "up.lock", _LOCK_SECONDS):
        if is_up():
            if not_ready(processes()):
                _migrate()
                _revive()
                wait_until_ready(say)
            return False
        end_all(WARM_SECONDS)
        _launch(_prepare(topology))
        try:
            wait_until_ready(say)
        except FleetStartError:
            _stop(say)
            raise
        return True


def run_in_foreground() -> NoReturn:
    """Become the fleet's supervisord. Raises as `start` does, and when the fleet is up already."""
    topology = load()
    socket_file()
    settings.prepare_data_dir()
    with hold(settings.run_dir() / "up.lock", _LOCK_SECONDS):
        if is_up():
            raise FleetStartError("the fleet is already up — `fleet down` stops it")
        end_all(WARM_SECONDS)
        conf = _prepare(topology)
        os.execv(sys.executable, [*_supervisord_command(conf), "--nodaemon"])


def stop(say: Say = lambda _: None) -> bool:
    """Stop the fleet; False when nothing of it ran.

    Workers are told to stop, and after WARM_SECONDS made to: what they worked on is put back by
    their successors. `say` is given a line when there is something to wait for. Raises
    FleetStopError.
    """
    if not settings.run_dir().exists():
        return False
    with hold(settings.run_dir() / "up.lock", _LOCK_SECONDS):
        return _stop(say)


def is_outdated() -> bool:
    """Whether the fleet that runs was started from another queues.toml, or an earlier state of it.

    Raises TopologyError.
    """
    digest = load().digest
    return any(member.topology != digest for member in members())


def _prepare(topology: Topology) -> Path:
    """See to all that the programs need; the path of the supervisord.conf that runs them."""
    instance = this_instance(topology)
    if instance.embedded_redis:
        binary()
    _migrate()
    conf = settings.data_dir() / "supervisord.conf"
    conf.write_text(render(topology, instance), encoding="utf-8")
    return conf


def _migrate() -> None:
    open_migrated()
    close_database()


def _supervisord_command(conf: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "supervisor.supervisord", "--configuration", str(conf)]


def _launch(conf: Path) -> None:
    result = subprocess.run(
        _supervisord_command(conf),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        lines = result.stderr.splitlines()
        reason = next((line for line in lines if line.startswith("Error")), "no reason given")
        raise FleetStartError(
            f"supervisord does not start: {reason} — see {settings.run_dir() / 'supervisord.log'}"
        )


def _revive() -> None:
    """Start what has ended or was stopped in a fleet that is up."""
    with supervisord() as rpc:
        for process in processes():
            if process.is_down:
                try:
                    rpc.startProcess(f"{process.program}:{process.name}", False)
                except Fault as fault:
                    raise FleetStartError(
                        f"{process.name} does not start: {fault.faultString} — "
                        f"see `fleet logs {process.name}`"
                    ) from fault


def _stop(say: Say) -> bool:
    if not is_up():
        return end_all(WARM_SECONDS) > 0
    with supervisord() as rpc:
        pid = rpc.getPID()
        running = [each for each in processes() if not each.is_down]
        _tell_to_stop(rpc, [each for each in running if each.program != "redis"])
        _end_workers(say)
        # Last, for the workers need it to put their jobs back. supervisord alone would take a
        # second for each program that it finds stopped before one that is not.
        redis = [each for each in running if each.program == "redis"]
        _tell_to_stop(rpc, redis)
        wait_for([each.pid for each in redis if each.pid], REDIS_STOP)
        rpc.shutdown()
    if wait_for([pid], _SHUTDOWN_SECONDS):
        end_all(WARM_SECONDS)
        raise FleetStopError(f"supervisord (process {pid}) does not end — end it: `kill -9 {pid}`")
    end_all(WARM_SECONDS)
    return True


def _tell_to_stop(rpc: Any, running: Iterable[ProcessInfo]) -> None:  # XML-RPC has no types
    for process in running:
        try:
            rpc.stopProcess(f"{process.program}:{process.name}", False)
        except Fault:  # it has ended meanwhile
            continue


def _end_workers(say: Say) -> None:
    """Wait until all but Redis has ended, and end what does not."""
    talk_after = min(_TALK_AFTER, WARM_SECONDS)
    slow = wait_for((each.pid for each in members() if each.program != "redis"), talk_after)
    if slow:
        say(f"Waiting for processes to put back their jobs: {len(slow)} …")
        end(wait_for(slow, WARM_SECONDS - talk_after), 0)
