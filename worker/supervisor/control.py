"""Starting and stopping the fleet of this data folder."""

import os
import subprocess
import sys
import time
from typing import NoReturn
from xmlrpc.client import Fault

import redis

from db import settings
from db.errors import DatabaseGoneError, OldDatabaseError
from db.maintenance import backups
from db.settings import identity, settings_file
from db.sql.connection import close_database, open_database
from db.sql.schema import check_schema, library_id
from worker import code_version, dispatch, queues
from worker.errors import BadInputError, CopiedHostError, FleetStartError, FleetStopError
from worker.host.locks import hold_fleet, open_migrated, running_code
from worker.host.memory import note_kernel_kills
from worker.phrases import counted, some
from worker.redis import is_embedded, valkey
from worker.redis.connection import connect
from worker.redis.owner import MACHINE_SECONDS, claim, refuse_other_workers, succeed
from worker.supervisor import conf_file, fleet_environment
from worker.supervisor.conf_file import render
from worker.supervisor.instance import Instance, this_instance
from worker.supervisor.readiness import not_ready, wait_until_ready
from worker.supervisor.rpc import (
    ProcessInfo,
    is_up,
    processes,
    refuse_others,
    socket_file,
    supervisord,
)
from worker.supervisor.shutdown import WARM_SECONDS, Say, end_all, stop_processes, wait_for
from worker.topology import Topology
from worker.topology.hosts import this_host

__all__ = ["ProcessInfo", "is_up", "processes", "revive", "run_in_foreground", "start", "stop"]

_SHUTDOWN_SECONDS = 20


def start(say: Say = lambda _: None) -> bool:
    """Start the fleet and wait until it can work; False when it was up before, or others start it.

    A fleet that is up has what is down started; where it runs other code than is installed, or on
    another database than is there, it is stopped, the database migrated, and all started again.
    `say` is given a line when there is something to wait for, or to know. Raises TopologyError,
    FleetStartError, BadInputError, NoValkeyError, RedisUnreachableError, ForeignRedisError,
    db.errors.DatabaseError or OSError; a fleet that does not become ready is stopped again.
    """
    topology = dispatch.load_topology()
    settings.check_redis_prefix()
    settings_file.values()
    if not is_embedded():
        connect().close()
    if settings.supervisor():
        return False
    socket_file()
    settings.prepare_data_dir()
    aside = valkey.kept_aside()
    with hold_fleet():
        if is_up():
            outdated = _outdated()
            for reason in outdated:
                say(f"{reason}: the fleet is started again.")
            if not outdated:
                if not_ready(processes()):
                    revive()
                    wait_until_ready(say)
                return False
            if _is_replaceable():
                _stop(say)
                _start(topology, say)
            else:
                _restart_programs(topology, say)
        else:
            _start(topology, say)
    for folder in [each for each in valkey.kept_aside() if each not in aside]:
        say(f"The former data of Redis is kept as {folder}; what is to be done is enqueued again.")
    return True


def _start(topology: Topology, say: Say) -> None:
    """Start a fleet that is not up; one that does not become ready is stopped again."""
    end_all(WARM_SECONDS)
    _launch(_prepare(topology, say))
    try:
        wait_until_ready(say)
    except FleetStartError:
        _stop(say)
        raise


def run_in_foreground(say: Say = lambda _: None) -> NoReturn:
    """Become the fleet's supervisord. Raises as `start` does, and when the fleet is up already."""
    refuse_others()
    topology = dispatch.load_topology()
    socket_file()
    settings.prepare_data_dir()
    with hold_fleet():
        if is_up():
            raise FleetStartError("the fleet is already up — `fleet down` stops it")
        end_all(WARM_SECONDS)
        instance = _prepare(topology, say)
        os.chdir(instance.folder)
        note_kernel_kills()
        command = [*_supervisord_command(), "--nodaemon"]
        os.execve(sys.executable, command, fleet_environment.own())


def stop(say: Say = lambda _: None) -> bool:
    """Stop the fleet; False when nothing of it ran.

    Workers get SIGTERM, and after WARM_SECONDS are killed: what they worked on is put back by
    their successors. `say` is given a line when there is something to wait for. Raises
    FleetStopError, and BadInputError where others than supervisord stop the programs.
    """
    refuse_others()
    if not settings.run_dir().exists():
        return False
    with hold_fleet():
        return _stop(say)


def _outdated() -> list[str]:
    """Why the running fleet must be started again; empty when it need not."""
    try:
        open_database()
        check_schema()
        faults = [] if library_id() == identity().library else ["The database is another library's"]
    except (DatabaseGoneError, OldDatabaseError) as error:
        faults = [str(error).partition(" — ")[0].capitalize()]
    finally:
        close_database()
    with supervisord() as rpc:
        if conf_file.is_moved(rpc.getPID()):
            faults.append(f"Its data folder was moved to {settings.data_dir()}")
    if old := outdated_processes():
        what = counted(len(old), "process runs", "processes run")
        faults.append(f"{what} another musicfleet than is installed ({some(old)})")
    return faults


def outdated_processes() -> list[str]:
    """The processes that were started by another musicfleet than the one that is installed."""
    running = [each for each in processes() if each.state == "RUNNING" and each.name != "redis"]
    known = {None, code_version()}
    return [each.name for each in running if running_code(each.name, each.pid or 0) not in known]


def _is_replaceable() -> bool:
    """Whether the supervisord that runs was started by `fleet up`, and not as a container's."""
    with supervisord() as rpc:
        pid = rpc.getPID()
    own = conf_file.is_own(pid) or conf_file.is_moved(pid)
    return own and "--nodaemon" not in conf_file.command_line(pid)


def _restart_programs(topology: Topology, say: Say) -> None:
    """Stop all programs, bring the database up to date, and start them, below one supervisord."""
    present = processes()
    with supervisord() as rpc:
        stop_processes(rpc, [each for each in present if not each.is_down], say)
        _migrate(topology, say)
        for process in present:
            rpc.startProcess(process.name, False)
    wait_until_ready(say)


def _prepare(topology: Topology, say: Say) -> Instance:
    """Prepare all that the programs need, and write the supervisord.conf that runs them."""
    if backups.finish():
        say("A restore that was interrupted at its end is finished.")
    fleet_environment.refill()
    settings_file.take()
    if topology.hosts:
        os.environ["FLEET_HOST"] = this_host(topology).name  # for the commands of this fleet
    fleet_environment.note()
    instance = this_instance(topology)
    if instance.embedded_redis:
        valkey.binary()
    _migrate(topology, say)
    conf_file.replace(render(topology, instance))
    return instance


def _migrate(topology: Topology, say: Say) -> None:
    """Bring the database up to date; another's Redis is refused before anything is started.

    The jobs of a library that was here before are of no use to this one, and would do harm.
    """
    before = identity().library
    open_migrated()
    is_another = bool(before) and before != identity().library
    if is_another:
        say(f"The library {before[:8]} is gone; this is {identity().library[:8]}.")
    if not is_embedded():
        with connect() as client:
            if is_another and succeed(client, before):
                for name in topology.queues:
                    queues.clear(name)
            _claim(client, topology, say)
            refuse_other_workers(client, topology.queues)
    elif is_another and valkey.data_folder().exists():
        valkey.set_aside(f"of-{before[:8]}")
    close_database()


def _claim(client: redis.Redis, topology: Topology, say: Say) -> None:
    """Claim Redis. That another machine has this host's id may be from before this one's crash."""
    deadline = time.monotonic() + MACHINE_SECONDS + 1
    is_said = False
    while True:
        try:
            claim(client, topology.queues)
            return
        except CopiedHostError:
            if time.monotonic() > deadline:
                raise
            if not is_said:
                say("Another machine had the id of this host a moment ago. Does it still?")
            is_said = True
            time.sleep(1)


def _supervisord_command() -> list[str]:
    """It finds `worker.supervisor.restarts` where musicfleet is installed, and nowhere else."""
    conf = str(conf_file.path())
    return [sys.executable, "-P", "-m", "supervisor.supervisord", "--configuration", conf]


def _launch(instance: Instance) -> None:
    note_kernel_kills()
    result = subprocess.run(
        _supervisord_command(),
        cwd=instance.folder,
        env=fleet_environment.own(),
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


def revive(name: str | None = None) -> None:
    """Start what has ended or was stopped in a fleet that is up, or one process of it.

    Raises FleetStartError, and BadInputError when no process of that name is down.
    """
    refuse_others()
    down = [each for each in processes() if each.is_down and not each.rests]
    if name is not None:
        down = [each for each in down if each.name == name]
        if not down:
            raise BadInputError(f"no process {name!r} is down — `fleet status` names those")
    with supervisord() as rpc:
        for process in down:
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
    fleet_environment.forget()
    return True
