"""Carrying out a change of a running fleet."""

import time
from collections.abc import Collection, Container, Iterable, Sequence
from typing import Any
from xmlrpc.client import Fault

from db.settings import settings_file
from worker.errors import BadInputError, FleetStartError, FleetStopError
from worker.host.locks import hold_fleet
from worker.supervisor import conf_file
from worker.supervisor.plan import Change, require_up
from worker.supervisor.readiness import not_ready, wait_until_ready
from worker.supervisor.rpc import ProcessInfo, processes, supervisord
from worker.supervisor.shutdown import Say, stop_processes

_PATIENCE = 5
_LISTENS_AFTER = 0.5
"""Seconds from its registration until a worker listens, many times over."""


def reload_workers(rpc: Any, names: Iterable[str]) -> None:  # XML-RPC has no types
    """Signal the processes of these names; one that does not run reads it at its start."""
    for name in names:
        try:
            rpc.signalProcess(name, "HUP")
        except Fault:
            continue


def reload_young_workers(rpc: Any, signalled: Iterable[ProcessInfo]) -> None:
    """Signal those again that were only starting before, and perhaps had no handler yet.

    They may have read queues.toml before it was edited. One that is not registered after some
    seconds does not start, and will read it when it does.
    """
    young = {each.name for each in signalled if each.state == "STARTING"}
    deadline = time.monotonic() + _PATIENCE
    while not_ready([each for each in processes() if each.name in young]):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if young:
        time.sleep(_LISTENS_AFTER)
        reload_workers(rpc, young)


_REMOVAL_SECONDS = 10
_STILL_RUNNING = 91
"""As supervisor.xmlrpc.Faults has it, which takes 2 MiB of what imports it."""


def apply(change: Change, say: Say) -> None:
    """Carry out a change. `say` is given a line when there is something to wait for, or to know.

    Raises BadInputError when it is refused by now, and FleetStartError or FleetStopError when a
    process does not start or stop; what was done until then stays, and the same again goes on.
    """
    with hold_fleet():
        require_up()
        if conf_file.read() != change.old:
            raise BadInputError(
                "another `fleet` command has changed the fleet meanwhile — try again"
            )
        change.refuse_stranding()
        if change.rereads:
            settings_file.take()
        with supervisord() as rpc:
            added, changed, removed = _take(rpc, change)
            rereading = _rereading(change, {*changed, *removed})
            # First: what is started next brings them jobs that they did not know.
            reload_workers(rpc, [each.name for each in rereading])
            _end(rpc, {*changed, *removed}, say)
            started = _start(rpc, change, {*added, *changed})
            if started:
                wait_until_ready(say, started)
            reload_young_workers(rpc, rereading)
        change.report_stranded(say)


def _take(rpc: Any, change: Change) -> Sequence[Collection[str]]:
    """Which groups supervisord finds added, changed and removed.

    It compares with what it runs, so whatever an interrupted change has left undone is among them.
    """
    conf_file.replace(change.new)
    try:
        [difference] = rpc.reloadConfig()
    except Fault as fault:
        conf_file.replace(change.old)
        raise FleetStartError(
            f"supervisord does not take the new file, so nothing was changed: {fault.faultString}"
        ) from fault
    return difference  # type: ignore[no-any-return]  # three lists of names


def _rereading(change: Change, ended: Container[str]) -> list[ProcessInfo]:
    """The processes that keep running and are to reread queues.toml."""
    if not change.rereads:
        return []
    names = [*conf_file.workers(change.new), "recovery", "web", "watch"]
    return [each for each in processes() if each.name in names and each.name not in ended]


def _end(rpc: Any, names: Collection[str], say: Say) -> None:
    stop_processes(rpc, [each for each in processes() if each.name in names], say)
    for name in names:
        _remove(rpc, name)


def _start(rpc: Any, change: Change, names: Container[str]) -> list[str]:
    """Have supervisord start processes of the new text; their names."""
    started = [name for name in conf_file.process_sections(change.new) if name in names]
    for name in started:
        rpc.addProcessGroup(name)
    return started


def _remove(rpc: Any, name: str) -> None:
    """Have supervisord forget a process that has ended, once it has noticed that."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        try:
            rpc.removeProcessGroup(name)
        except Fault as fault:
            if fault.faultCode != _STILL_RUNNING or time.monotonic() > deadline:
                raise FleetStopError(
                    f"{name} does not stop: {fault.faultString} — see `fleet logs {name}`"
                ) from fault
            time.sleep(0.05)
        else:
            return
