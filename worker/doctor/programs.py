"""supervisord and what it runs."""

import time
from collections.abc import Iterator
from xmlrpc.client import Fault

from worker.doctor.findings import Finding, Fix, Severity, time_span
from worker.errors import FleetStartError
from worker.supervisor.logs import last_lines, log_file
from worker.supervisor.rpc import ProcessInfo, is_up, processes, supervisord

_CHECK = "programs"
_ESSENTIAL = {
    "recovery": "jobs of processes that die wait until a process of the same slot starts",
    "scheduler": "no schedule of queues.toml runs, the reconciliation of lost work among them",
}
"""What the fleet cannot do without, beside its workers, and what happens without it."""
_RUNS = {"RUNNING", "STARTING", "STOPPING"}


def programs() -> Iterator[Finding]:
    """Whether supervisord is up, and everything in it runs."""
    if not is_up():
        yield Finding("supervisord", Severity.ERROR, "the fleet is not up", "run `fleet up`")
        return
    present = processes()
    faults = [_down(each) for each in present if each.state not in _RUNS]
    faults += [_absent(name) for name in _ESSENTIAL.keys() - {each.name for each in present}]
    yield from faults
    if not faults:
        says = f"supervisord is up, and each of its {len(present)} processes runs"
        yield Finding(_CHECK, Severity.OK, says, count=len(present))


def _down(process: ProcessInfo) -> Finding:
    """A process that does not run. One that supervisord goes on to start needs another remedy."""
    age = None if process.since is None else max(0.0, time.time() - process.since)
    since = "" if age is None else f", last started {time_span(age)} ago"
    danger = f": {_ESSENTIAL[process.name]}" if process.name in _ESSENTIAL else ""
    reason = f" ({_reason(process)})" if process.state != "STOPPED" else ""
    told_to = process.state == "STOPPED" and process.name not in _ESSENTIAL
    return Finding(
        _CHECK,
        Severity.WARNING if told_to else Severity.ERROR,
        f"{process.name} is {process.state}{since}{reason}{danger}",
        f"see `fleet logs {process.name}`" + (", then `fleet up`" if process.is_down else ""),
        age=age,
        fix=_start(process) if process.is_down else None,
    )


def _reason(process: ProcessInfo) -> str:
    """Why it does not run: the last it wrote, or what supervisord knows."""
    last = last_lines(log_file(process.name), 1)
    return (last[0].strip() if last else "") or process.reason or "no reason given"


def _start(process: ProcessInfo) -> Fix:
    def start() -> str:
        try:
            with supervisord() as rpc:
                rpc.startProcess(process.name, False)
        except Fault as fault:
            raise FleetStartError(f"{process.name} does not start ({fault.faultString})") from fault
        return f"{process.name} is starting"

    return Fix(f"start {process.name}", start)


def _absent(name: str) -> Finding:
    return Finding(
        _CHECK,
        Severity.ERROR,
        f"supervisord does not know {name}: {_ESSENTIAL[name]}",
        "run `fleet down`, then `fleet up`",
    )
