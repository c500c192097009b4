"""What is wrong with the fleet and its surroundings: one check a function, each with its remedy."""

import os
import platform
import stat
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import redis

from db import scans, settings
from db.connection import is_sqlite, open_database, without_password
from db.errors import DatabaseError
from db.paths import shown, to_bytes
from db.schema import applied_migrations, check_schema
from worker import dispatch, status
from worker.errors import TopologyError, WorkerError
from worker.redis_address import shown_url
from worker.supervisor import control


class Finding(NamedTuple):
    """What one check found. `remedy` is empty when all is well."""

    check: str
    well: bool
    says: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Run every check. What one needs and another found broken is left out."""
    yield from _versions()
    topology = _topology()
    yield topology
    yield from _folders()
    database = list(_database())
    yield from database
    if all(finding.well for finding in database):
        yield from _roots()
    redis_findings = list(_redis())
    yield from redis_findings
    if redis_findings[0].well and topology.well:
        yield from _queues()
    yield _supervisord()


def _versions() -> Iterator[Finding]:
    names = ("musicfleet", "rq", "redis", "supervisor", "peewee", "mutagen", "pillow")
    installed = ", ".join(f"{name} {version(name)}" for name in names)
    yield Finding("versions", True, f"Python {platform.python_version()}, {installed}")


def _topology() -> Finding:
    try:
        topology = dispatch.topology()
    except TopologyError as error:
        return Finding("topology", False, str(error), "mend it, then run `fleet config check`")
    return Finding("topology", True, f"{topology.path} has no fault")


def _folders() -> Iterator[Finding]:
    for folder in (settings.data_dir(), settings.run_dir()):
        if not folder.is_dir():
            yield Finding("folders", False, f"{folder} is not there", "run `fleet up`")
        else:
            yield _mode(folder, 0o700)
    for socket in sorted(settings.run_dir().glob("*.sock")):
        yield _mode(socket, 0o700)


def _mode(path: Path, allowed: int) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~allowed:
        return Finding(
            "permissions",
            False,
            f"{path} is open to others ({mode:o})",
            f"chmod {allowed:o} {path}",
        )
    return Finding("permissions", True, f"{path} is its owner's alone")


def _database() -> Iterator[Finding]:
    url = without_password(settings.database_url())
    try:
        open_database()
        check_schema()
    except DatabaseError as error:
        fact, _, remedy = str(error).partition(" — ")
        yield Finding("database", False, fact, remedy)
        return
    yield Finding("database", True, f"{url} is at migration {applied_migrations()[-1]}")
    if is_sqlite() and not os.access(settings.data_dir(), os.W_OK):
        yield Finding(
            "database", False, f"{url} cannot be written", "mend the folder's permissions"
        )


def _roots() -> Iterator[Finding]:
    for root in scans.roots():
        path = to_bytes(root)
        if not os.path.isdir(path):
            yield Finding("library", False, f"{shown(root)} is not there", "mount its disk")
        elif not os.access(path, os.R_OK | os.X_OK):
            yield Finding(
                "library", False, f"{shown(root)} may not be read", "give this user the right to"
            )
        else:
            yield Finding("library", True, f"{shown(root)} can be read")


def _redis() -> Iterator[Finding]:
    try:
        connection = dispatch.connection()
        server: Any = connection.info("server")
    except (WorkerError, redis.RedisError) as error:
        fact, _, remedy = str(error).partition(" — ")
        yield Finding("redis", False, fact, remedy or "run `fleet up`")
        return
    name = "Valkey" if "valkey_version" in server else "Redis"
    number = server.get("valkey_version", server["redis_version"])
    yield Finding("redis", True, f"{name} {number} answers at {shown_url()}")
    yield _redis_setting(
        connection,
        "maxmemory-policy",
        "noeviction",
        "Redis would throw waiting jobs away when its memory is full",
    )
    yield _redis_setting(
        connection, "appendonly", "yes", "jobs enqueued since the last snapshot are lost in a crash"
    )


def _redis_setting(connection: redis.Redis, name: str, wanted: str, danger: str) -> Finding:
    try:
        answer: Any = connection.config_get(name)
    except redis.ResponseError as error:
        return Finding(
            "redis", True, f"{name} is not to be seen here ({error}); it should be {wanted}"
        )
    value = answer.get(name)
    if value == wanted:
        return Finding("redis", True, f"{name} is {value}")
    return Finding(
        "redis", False, f"{name} is {value}: {danger}", f"set {name} {wanted} in its configuration"
    )


def _queues() -> Iterator[Finding]:
    limits = {name: queue.wait_limit for name, queue in dispatch.topology().queues.items()}
    faults = 0
    for queue in status.queues():
        held = queue.waiting + queue.later
        if queue.name not in limits and held:
            faults += 1
            yield Finding(
                "queues",
                False,
                f"{queue.name} holds {_jobs(held)}, and queues.toml does not know it",
                "declare it in queues.toml, or requeue its jobs by name with `fleet enqueue`",
            )
        elif held and not queue.consumers:
            faults += 1
            age = "" if queue.oldest is None else f", the oldest for {queue.oldest:.0f} s"
            yield Finding(
                "queues",
                False,
                f"{queue.name} holds {_jobs(held)} that no live worker consumes{age}",
                "run `fleet up`, and see `fleet logs` of its program",
            )
        elif queue.oldest is not None and queue.oldest > limits.get(queue.name, float("inf")):
            faults += 1
            yield Finding(
                "queues",
                False,
                f"the first job of {queue.name} has waited for {queue.oldest:.0f} s",
                "give its program more processes in queues.toml, or see `fleet logs`",
            )
    if not faults:
        yield Finding("queues", True, "every queue that holds jobs is consumed")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _supervisord() -> Finding:
    if not control.is_up():
        return Finding("supervisord", False, "the fleet is not up", "run `fleet up`")
    down = [each for each in control.processes() if each.state not in {"RUNNING", "STARTING"}]
    if down:
        names = ", ".join(f"{each.name} ({each.state})" for each in down)
        return Finding(
            "supervisord", False, f"not running: {names}", "see `fleet logs`, then `fleet up`"
        )
    return Finding("supervisord", True, "every program runs")
