"""Starting and stopping the fleet of this data folder."""

import os
import subprocess
import sys
from typing import NoReturn
from xmlrpc.client import Fault

from db import settings
from db.sql.connection import close_database
from worker.errors import FleetStartError, FleetStopError
from worker.host.locks import hold_fleet, open_migrated
from worker.redis.address import is_embedded
from worker.redis.connection import connect
from worker.redis.owner import claim
from worker.redis.valkey import binary
from worker.supervisor import conf_file
from worker.supervisor.conf_file import render
from worker.supervisor.instance import Instance, this_instance
from worker.supervisor.readiness import not_ready, wait_until_ready
from worker.supervisor.rpc import ProcessInfo, is_up, processes, socket_file, supervisord
from worker.supervisor.shutdown import WARM_SECONDS, Say, end_all, stop_processes, wait_for
from worker.topology import Topology, load

__all__ = ["ProcessInfo", "is_up", "processes", "run_in_foreground", "start", "stop"]

_SHUTDOWN_SECONDS = 20


def start(say: Say = lambda _: None) -> bool:
    """Start the fleet and wait until it can work; False when it was up before.

    A fleet that is up but not ready has its database migrated and what is down started. `say` is
    given a line when there is something to wait for. Raises TopologyError, FleetStartError,
    BadInputError, NoValkeyError, RedisUnreachableError, db.errors.DatabaseError or OSError; a
    fleet that does not become ready is stopped again.
    """
    topology = load()
    settings.check_redis_prefix()
    if not is_embedded():
        connect().close()
    socket_file()
    settings.prepare_data_dir()
    with hold_fleet():
        if is_up():
            if not_ready(processes()):
                _migrate(topology)
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
    with hold_fleet():
        if is_up():
            raise FleetStartError("the fleet is already up — `fleet down` stops it")
        end_all(WARM_SECONDS)
        instance = _prepare(topology)
        os.chdir(instance.folder)
        os.execv(sys.executable, [*_supervisord_command(), "--nodaemon"])


def stop(say: Say = lambda _: None) -> bool:
    """Stop the fleet; False when nothing of it ran.

    Workers get SIGTERM, and after WARM_SECONDS are killed: what they worked on is put back by
    their successors. `say` is given a line when there is something to wait for. Raises
    FleetStopError.
    """
    if not settings.run_dir().exists():
        return False
    with hold_fleet():
        return _stop(say)


def _prepare(topology: Topology) -> Instance:
    """Prepare all that the programs need, and write the supervisord.conf that runs them."""
    instance = this_instance(topology)
    if instance.embedded_redis:
        binary()
    _migrate(topology)
    conf_file.replace(render(topology, instance))
    return instance


def _migrate(topology: Topology) -> None:
    """Bring the database up to date; another's Redis is refused before anything is started."""
    open_migrated()
    if not is_embedded():
        with connect() as client:
            claim(client, topology.queues)
    close_database()


def _supervisord_command() -> list[str]:
    """To be run in the instance's folder, where supervisord finds `worker.supervisor.restarts`."""
    conf = str(conf_file.path())
    return [sys.executable, "-m", "supervisor.supervisord", "--configuration", conf]


def _launch(instance: Instance) -> None:
    result = subprocess.run(
        _supervisord_command(),
        cwd=instance.folder,
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
                    rpc.startProcess(process.name, False)
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
        stop_processes(rpc, [each for each in processes() if not each.is_down], say)
        rpc.shutdown()
    if wait_for([pid], _SHUTDOWN_SECONDS):
        end_all(WARM_SECONDS)
        raise FleetStopError(f"supervisord (process {pid}) does not end — end it: `kill -9 {pid}`")
    end_all(WARM_SECONDS)
    return True
