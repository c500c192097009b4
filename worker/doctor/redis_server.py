"""Checks of Redis or Valkey: that it answers, keeps its data, is closed, and holds only jobs."""

import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from db.sql.path_text import shown
from worker import dispatch
from worker.dispatch.places import all_roots
from worker.doctor import Check, Finding, Fix, Severity
from worker.phrases import counted, some
from worker.process.unreadable import UNREADABLE, set_entries_aside, unreadable
from worker.queues import Place, known, sizes
from worker.redis import is_embedded, shown_url
from worker.redis.entries import ASIDE, as_shown, wrong_keys
from worker.redis.holders import holders, this_process
from worker.redis.hosts import HostState, are_several, hosts, places_of_waiting
from worker.redis.valkey import kept_aside
from worker.supervisor import web_address
from worker.topology.model import process_name_of, registered_name

MOST_SKEW = 10.0
"""Seconds by which this machine's time may differ from that of Redis: leases and ages use both."""
LOW_SHARE = 0.80
SCARCE_SHARE = 0.95
_EVERYWHERE = ("", "*", "::*")
_PROTECTED_SINCE = 7
"""The major version of Redis from which protected mode holds whatever `bind` says."""


def _server() -> Finding:
    """Which server answers. Raises RedisUnreachableError or redis.RedisError."""
    connection = dispatch.connection()
    try:
        server: Any = connection.info("server")
    except NoPermissionError:
        return Finding("redis", Severity.OK, f"Redis answers at {shown_url()}")
    name = "Valkey" if "valkey_version" in server else "Redis"
    number = server.get("valkey_version", server["redis_version"])
    return Finding("redis", Severity.OK, f"{name} {number} answers at {shown_url()}")


def _durability() -> Iterator[Finding]:
    """Whether Redis loses jobs when its memory is full or it crashes, and how full it is."""
    connection = dispatch.connection()
    try:
        info: Any = connection.info()
    except NoPermissionError:
        says = "this Redis does not show whether it keeps every job (INFO is forbidden)"
        yield Finding("redis", Severity.OK, says)
        return
    yield _setting(
        "maxmemory-policy",
        info.get("maxmemory_policy", "unknown"),
        "noeviction",
        Severity.ERROR,
        "Redis would delete waiting jobs when its memory is full",
    )
    yield _setting(
        "appendonly",
        "yes" if info.get("aof_enabled") else "no",
        "yes",
        Severity.WARNING,
        "jobs enqueued since the last snapshot are lost in a crash",
    )
    yield _memory(info.get("used_memory", 0), info.get("maxmemory", 0))


def _setting(name: str, value: str, wanted: str, severity: Severity, danger: str) -> Finding:
    if value == wanted:
        return Finding("redis", Severity.OK, f"{name} is {value}")

    def change() -> str:
        dispatch.connection().config_set(name, wanted)
        return f"{name} is {wanted} now"

    own = is_embedded()  # another's server may have its reasons
    remedy = "run `fleet doctor --fix`" if own else f"set {name} {wanted} in its configuration"
    fix = Fix(f"set {name} to {wanted}", change) if own else None
    return Finding("redis", severity, f"{name} is {value}: {danger}", remedy, fix=fix)


def _memory(used: int, most: int) -> Finding:
    if not most:
        return Finding("redis", Severity.OK, f"{_mib(used)} in use, without a limit")
    share = used / most
    says = f"{_mib(used)} of {_mib(most)} in use ({share:.0%})"
    remedy = "raise maxmemory in its configuration: nothing can be enqueued when it is full"
    if share >= SCARCE_SHARE:
        return Finding("redis", Severity.ERROR, says, remedy)
    if share >= LOW_SHARE:
        return Finding("redis", Severity.WARNING, says, remedy)
    return Finding("redis", Severity.OK, says)


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.1f} MiB"


def _access() -> Finding:
    """Whether strangers can talk to Redis: who enqueues decides what the fleet works on."""
    connection = dispatch.connection()
    url = connection.get_connection_kwargs()
    host = url.get("host")
    remedy = "set a password in its configuration and in FLEET_REDIS_URL, or bind it to 127.0.0.1"
    if host and not url.get("password") and not _is_loopback(host):
        says = f"{shown_url()} is reached over the network without a password"
        return Finding("redis", Severity.ERROR, says, remedy)
    try:
        bound = _open_addresses(connection)
    except redis.ResponseError as error:
        says = f"this Redis does not show who can reach it ({error})"
        return Finding("redis", Severity.OK, says)
    if bound:
        says = f"it listens at {bound} and asks for no password"
        return Finding("redis", Severity.ERROR, says, remedy)
    return Finding("redis", Severity.OK, "other machines and users have no access to it")


def _open_addresses(connection: redis.Redis) -> str:
    """Where the server is open to other machines; "" for nowhere."""
    port = _config(connection, "port")
    if "0" == port == (_config(connection, "tls-port") or "0"):
        return ""
    bind = _config(connection, "bind")
    addresses = [each.removeprefix("-") for each in bind.split()] or [""]
    beyond = [each for each in addresses if each in _EVERYWHERE or not _is_loopback(each)]
    if not beyond or not _lets_anybody_in(connection) or _is_protected(connection, bind):
        return ""
    return f"{' '.join(filter(None, beyond)) or '*'}, port {port}"


def _lets_anybody_in(connection: redis.Redis) -> bool:
    try:
        user: Any = connection.acl_getuser("default")
    except redis.ResponseError:  # before Redis 6, or not allowed
        return not _config(connection, "requirepass")
    return {"on", "nopass"} <= set(user["flags"])


def _is_protected(connection: redis.Redis, bind: str) -> bool:
    """Whether protected mode turns strangers away; older servers leave it when `bind` is given."""
    server: Any = connection.info("server")
    holds = int(server["redis_version"].partition(".")[0]) >= _PROTECTED_SINCE or not bind
    return holds and _config(connection, "protected-mode") == "yes"


def _config(connection: redis.Redis, name: str) -> str:
    answer: Any = connection.config_get(name)
    return str(answer.get(name, ""))


def _is_loopback(host: str) -> bool:
    """Whether the host is this machine. Raises OSError for a name that is not known."""
    if web_address.plain_address(host):
        return web_address.is_loopback(host)
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(web_address.is_loopback(str(address[0])) for *_, address in found)


def _time() -> Finding:
    """Whether this machine and Redis have the same time."""
    before = time.time()
    seconds, microseconds = dispatch.connection().time()
    skew = seconds + microseconds / 1e6 - (before + time.time()) / 2
    if abs(skew) <= MOST_SKEW:
        return Finding("clock", Severity.OK, "this machine and Redis have the same time")
    says = f"the time of Redis is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    return Finding("clock", Severity.WARNING, says, "synchronise the time of both machines by NTP")


def _kept() -> Iterator[Finding]:
    """Whether former data of the fleet's own Redis is kept, which nobody reads."""
    for folder in kept_aside():
        why = "could not be loaded" if "unreadable" in folder.name else "is of another library"
        says = f"data of Redis that {why} is kept as {folder}"
        yield Finding("redis", Severity.WARNING, says, "delete it when you have no use for it")


_ENTRIES = "entries"


def _entries() -> Iterator[Finding]:
    """What stands in Redis and no enqueue of ours can have written, and what was set aside."""
    connection, names = dispatch.connection(), known()
    faults = dict.fromkeys(wrong_keys(connection, names), "it is of another type than it should be")
    for name in names:
        faults |= unreadable(connection, name)
    if faults:
        items = [f"{entry}: {fault}" for entry, fault in faults.items()]
        yield Finding(
            _ENTRIES,
            Severity.WARNING,
            f"{counted(len(faults), 'entry')} of Redis that the fleet has not written "
            f"({some(items)})",
            "run `fleet doctor --fix`, which sets them aside, and see who else uses this Redis",
            len(faults),
            fix=Fix(f"set {counted(len(faults), 'entry')} aside", _set_aside),
        )
    else:
        aside = [as_shown(key) for key in connection.scan_iter(f"{ASIDE}*", count=1000)]
        failed = sizes([UNREADABLE])[UNREADABLE][Place.FAILED]
        shown = f"; set aside: {some(aside)}" if aside else ""
        shown += f"; {counted(failed, 'job')} that could not be read failed" if failed else ""
        yield Finding(_ENTRIES, Severity.OK, f"every entry of the queues can be read{shown}")


def _hosts() -> Iterator[Finding]:
    """Whether jobs that read files have a host that has the files, where hosts share the work."""
    connection = dispatch.connection()
    present = hosts(connection)
    if not are_several(connection, dispatch.topology()) or not present:
        return
    names = Counter(each.name for each in present)
    if twice := sorted(name for name, count in names.items() if count > 1):
        says = f"several hosts are named {some(twice)}"
        yield Finding("hosts", Severity.WARNING, says, "give each a FLEET_HOST of its own")
    faults = [*_unseen_roots(present), *_waiting_for_a_host(present)]
    yield from faults
    if not faults:
        what = "; ".join(f"{each.name} runs {', '.join(each.programs)}" for each in present)
        yield Finding("hosts", Severity.OK, f"{counted(len(present), 'host')}: {what}")


_MOUNT = (
    "mount it on one, or write where a host has it in the roots of [hosts.NAME] in queues.toml, "
    "then `fleet reload` there"
)


def _unseen_roots(present: Sequence[HostState]) -> Iterator[Finding]:
    for root in all_roots():
        if all(each.roots is not None and root not in each.roots for each in present):
            says = f"no host has the folder {shown(root)}, so the jobs of its files wait"
            yield Finding("hosts", Severity.ERROR, says, _MOUNT)


def _waiting_for_a_host(present: Sequence[HostState]) -> Iterator[Finding]:
    """Jobs whose program runs only where the folders are not."""
    topology = dispatch.topology()
    for name in topology.queues:
        programs = {each.name for each in topology.consumers(name)}
        takers = [each for each in present if programs.intersection(each.programs)]
        for roots, count in places_of_waiting(dispatch.connection(), name).items():
            if any(each.roots is None or {*roots} <= {*each.roots} for each in takers):
                continue
            yield Finding(
                "hosts",
                Severity.ERROR,
                f"{counted(count, 'job waits', 'jobs wait')} in {name} for a host that has "
                f"{some([shown(each) for each in roots])} and runs {' or '.join(sorted(programs))}",
                f"run one of these programs on a host that has the folder, or {_MOUNT}",
                count,
            )


def started_by(name: str, danger: str) -> Finding:
    """Which programs there are of a fleet that another supervisor starts, by what Redis knows.

    `danger` is what happens without the recovery.
    """
    present = {process_name_of(each.worker) for each in holders(dispatch.connection())}
    if "recovery" in present:
        says = f"{name} runs the programs: workers and recovery, {len(present):,} in all"
        return Finding("programs", Severity.OK, says, count=len(present))
    says = f"no recovery runs: {danger}"
    return Finding("programs", Severity.ERROR, says, f"have {name} start it")


def _set_aside() -> str:
    own = this_process(registered_name("doctor"))
    count = set_entries_aside(dispatch.connection(), known(), own, deep=True)
    return f"{counted(count, 'entry')} set aside; jobs among them are listed as failed"


CHECKS = (
    Check("redis", _kept),
    Check("redis", _server, is_required=True),
    Check("redis", _durability),
    Check("redis", _access),
    Check("clock", _time),
    Check("hosts", _hosts),
)
CHECKS_OF_ENTRIES = (Check(_ENTRIES, _entries, is_slow=True),)
