"""`fleet status`, `fleet web` and `fleet watch`: what the fleet does, and where its web UI is."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NoReturn

import click

from db import ledger
from db.library import statistics
from db.maintenance.maintenance_runs import Run, last_runs
from db.models import utc_now
from db.scanning import scans
from db.scanning.selection import left_out_text
from db.sql.path_text import shown
from worker import dispatch
from worker.cli.output import print_json, print_line, print_queues, print_table, say
from worker.errors import BadInputError
from worker.maintenance.roots import first_step
from worker.phrases import counted, time_span
from worker.redis import shown_url
from worker.status import overview as fleet_status
from worker.status.overview import QueueStatus, SummedWork
from worker.status.stages import long_work
from worker.supervisor import fleet_environment, watch_state, web_address
from worker.supervisor.rpc import ProcessInfo, is_up, processes
from worker.supervisor.watch_state import WatchedRoot

_EVERY = 1.0
_SCREEN = 24
"""Lines of a terminal."""
_NOTES = 3
"""The prompt, that the fleet is not up, and that there is more."""
_FRAME = 4
"""Lines of a table beside its rows."""
_REMARKS = 2
"""Lines on what does not add up or is away."""
_FEWEST = 3
"""Rows of a table, whatever else there is."""


@click.command(
    epilog="""\b
Examples:
  fleet status
  fleet status --watch
  fleet status --all
  fleet status --json | jq '.queues[] | select(.consumers == [])'
""",
)
@click.option("-w", "--watch", is_flag=True, help="Refresh every second until Ctrl-C.")
@click.option("-a", "--all", "everything", is_flag=True, help="Show idle work and queues too.")
@click.option("--json", "as_json", is_flag=True, help="For machines: everything.")
def status(watch: bool, everything: bool, as_json: bool) -> None:
    """Show queues, workers and the progress of the work.

    It begins with what is going on and the time that is left; then come the work and the queues
    that have something to do, failed or waiting. --all shows the others too.

    For each queue: the numbers of waiting, running, failed and later jobs (scheduled or deferred),
    how long the first job has waited, whether the queue is paused, how many jobs the recovery put
    back after a process died (recovered), and the live workers that consume it. For each kind of
    work: how many tracks, albums and artists are done, have none, failed, wait for what is away and
    are to do, and how many need it in all; then, a line for each, what is away. During an analysis:
    how many tracks are done, how many per minute, and an estimate of the time left. For the
    similarity model: its version, age and health, and whether a training is due. For each
    maintenance job: its last run, and what it changed.
    """
    dispatch.topology()
    says = first_step()
    if says and not is_up():
        print_json(_NOTHING) if as_json else print_line(says)
        return
    if says:
        say(says)
    try:
        _show(as_json, everything)
        while watch:
            time.sleep(_EVERY)
            if not as_json:
                click.clear()
            _show(as_json, everything)
    except KeyboardInterrupt:
        return  # the only way to end --watch


_NOTHING: dict[str, Any] = {
    "up": False,
    "library": statistics.Totals(*[0] * len(statistics.Totals._fields))._asdict(),
    "left_out": {},
    "model": None,
    **{key: [] for key in ("scans", "work", "waiting", "long_work", "queues", "hosts", "upkeep")},
}
"""What there is before the first scan, while the fleet is not up."""


def _show(as_json: bool, everything: bool) -> None:
    if as_json:
        print_json(_everything())
    else:
        _print(everything)


def _everything() -> dict[str, Any]:
    return {
        "up": is_up(),
        "redis": shown_url(),
        "library": fleet_status.totals()._asdict(),
        "left_out": scans.left_out(),
        "scans": [asdict(each) for each in fleet_status.running_scans()],
        "work": [asdict(each) for each in fleet_status.summed_work()],
        "waiting": [each.as_json() for each in ledger.waiting()],
        "long_work": [asdict(each) for each in long_work()],
        "model": model.as_json() if (model := fleet_status.model()) else None,
        "queues": [asdict(each) for each in fleet_status.queues()],
        "hosts": [asdict(each) for each in fleet_status.hosts()],
        "upkeep": [each._asdict() | {"started_at": str(each.started_at)} for each in last_runs()],
    }


def _print(everything: bool) -> None:
    """What is going on, what there is, and what is to do: 24 lines, or everything."""
    present = processes()
    lines = [*_going_on(), *_library(), *_hosts()]
    for line in lines:
        print_line(line)
    if present:
        _print_faults(present)
    elif not is_up():
        say("The fleet is not up: `fleet up` starts it.")
    work, queues, runs = fleet_status.summed_work(), fleet_status.queues(present), last_runs()
    remarks = [*_sums(work), *(each.text for each in ledger.waiting())]
    if not everything:
        work = [each for each in work if each.failed or each.waiting or each.to_do]
        queues = [each for each in queues if each.is_worth_a_line]
        runs = [each for each in runs if each.fault]
        if len(remarks) > _REMARKS:
            remarks[_REMARKS:] = [f"and {len(remarks) - _REMARKS} more: `fleet status --all`"]
    rows = None if everything or not sys.stdout.isatty() else _room(len(lines) + len(remarks))
    _print_work(work[:rows])
    for line in remarks:
        print_line(line)
    _print_queues(queues[:rows])
    if runs:
        print_table([["maintenance", "last run", "took", "what it did"], *map(_of_run, runs)])
    if rows is not None and max(len(work), len(queues)) > rows:
        say("There is more: `fleet status --all`.")


def _going_on() -> Iterator[str]:
    """Running scans, and long work with the time that is left."""
    for scan in fleet_status.running_scans():
        yield f"Scanning {shown(scan.root)}: {scan.found:,} found, {scan.written:,} written"
    for work in long_work():
        if work.settled < work.tracks:
            yield f"{work.kind.capitalize()}: {work.text}"


def _hosts() -> Iterator[str]:
    """What each host runs, where several share the work."""
    found = fleet_status.hosts()
    for each in found if len(found) > 1 else ():
        workers = counted(each.workers, "worker")
        yield f"Host {each.name}: {workers}; runs {', '.join(each.programs)}"


def _library() -> Iterator[str]:
    totals = fleet_status.totals()
    missing = f", {totals.missing:,} missing" if totals.missing else ""
    yield (
        f"{counted(totals.tracks, 'track')}{missing}, {counted(totals.albums, 'album')}, "
        f"{counted(totals.artists, 'artist')}"
    )
    if left_out := left_out_text(scans.left_out()):
        yield f"Left out: {left_out}"
    if model := fleet_status.model():
        yield fleet_status.model_text(model)


def _room(lines: int) -> int:
    """Rows that each of two tables may have beside so many lines, on a terminal of 24."""
    return max(_FEWEST, (_SCREEN - _NOTES - lines) // 2 - _FRAME)


def _print_faults(present: Sequence[ProcessInfo]) -> None:
    """A line for each process that does not run."""
    well = {each.name for each in present if each.state == "RUNNING" or each.rests}
    needed = {"recovery", dispatch.topology().scheduler_process}
    if well.issuperset({*needed, *(each.name for each in present)}):
        return
    from worker.doctor import Severity  # noqa: PLC0415  # all run nearly always
    from worker.doctor.fleet import programs  # noqa: PLC0415  # as above

    for each in programs():
        if each.severity is Severity.ERROR:
            print_line(f"{each.says} — {each.remedy}")


def _print_work(work: Sequence[SummedWork]) -> None:
    is_any_cancelled = any(each.cancelled for each in work)
    heading = ["cancelled"] if is_any_cancelled else []
    rows = [["work", "done", "none", "failed", "waiting", *heading, "to do", "of"]]
    for each in work:
        counts = [each.done, each.none, each.failed, each.waiting]
        counts += [each.cancelled] if is_any_cancelled else []
        counts += [each.to_do, each.needed]
        rows.append([f"{each.entity_type} {each.kind}", *map(str, counts)])
    if work:
        print_table(rows)


def _sums(work: Sequence[SummedWork]) -> Iterator[str]:
    for each in work:
        if each.lacking or each.stray:
            lacking, stray = each.lacking or 0, each.stray or 0
            yield (
                f"{each.entity_type} {each.kind} does not add up: {lacking:,} without a row "
                f"in the ledger, {counted(stray, 'row')} of nothing — `fleet doctor --fix`"
            )


def _print_queues(queues: Sequence[QueueStatus]) -> None:
    if queues:
        print_queues(queues)
    else:
        print_line("Every queue is empty.")


def _of_run(run: Run) -> list[str]:
    ago = (utc_now() - run.started_at).total_seconds()
    name = run.job.removeprefix("maintenance.")
    return [name, f"{time_span(ago)} ago", f"{run.seconds:.1f} s", run.text]


@click.command(
    epilog="""\b
Examples:
  fleet web                          show the web UI's address, or serve it when the fleet is down
  fleet web --listen 127.0.0.1:9000  serve it here until Ctrl-C
""",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve the web UI in the foreground.")
@click.option("--where", is_flag=True, help="Only print the URL of the running web UI.")
def web(listen: str | None, where: bool) -> None:
    """Show the address of the web UI, or serve it.

    It shows albums, artists, tracks, a map, scans, queues, health, and rq-dashboard. It is a
    program of the fleet and listens at FLEET_WEB. With --listen, or when the fleet is down, this
    command serves it until Ctrl-C. Without FLEET_WEB_PASSWORD every user of this machine has
    access; an address that other machines can reach demands it.
    """
    for line in fleet_environment.differences():
        say(line)
    page = None if listen else web_address.running()
    if page is None and where:
        raise BadInputError(
            "the web UI does not run — `fleet up` starts it, unless FLEET_WEB is off"
        )
    if page is None:
        address = web_address.parsed(listen) if listen else web_address.configured()
        if address is None:
            raise BadInputError("FLEET_WEB is off — set it to HOST:PORT, or use --listen HOST:PORT")
        web_address.refuse_open(address)
        _serve(address)
    elif page.url:
        print_line(page.url)
        if not where and not web_address.password():
            say(web_address.OPEN_TO_USERS)
    else:
        raise BadInputError(page.fault)


def _serve(address: web_address.WebAddress) -> NoReturn:
    """Become the web UI, which no module of `fleet` imports."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "web", "--listen", address.text])


_HOW = {
    "inotify": "is watched",
    "timed": "is scanned every {minutes:g} min",
    "waiting": "is not there yet",
}


@click.command(
    epilog="""\b
Examples:
  fleet watch
  fleet settings set watch on && fleet reload             watch every folder that was scanned
  fleet settings set watch /music:/more && fleet reload   watch these
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def watch(as_json: bool) -> None:
    """Show which folders musicfleet watches, how, and why.

    The watcher follows file-system events (inotify). It takes in new, changed and gone files as
    soon as their folder has been quiet for some seconds. FLEET_WATCH turns it on when the fleet
    starts. Where inotify misses events, such as on network shares, the watcher scans the folder
    from time to time.
    """
    for line in fleet_environment.differences():
        say(line)
    state = watch_state.running()
    roots = state.roots if state else []
    if as_json:
        print_json({"folders": [each._asdict() for each in roots]})
    else:
        for each in roots:
            print_line(_line(each))
    if state is None:
        say(_off())
    elif not state.roots:
        say("No folder was scanned yet: `fleet scan PATH`.")


def _line(root: WatchedRoot) -> str:
    how = _HOW[root.how].format(minutes=watch_state.timed_minutes())
    why = f": {root.why}" if root.why else ""
    remedy = f" — {root.remedy}" if root.remedy else ""
    return f"{shown(root.root)} {how}{why}{remedy}"


def _off() -> str:
    if any(each.name == "watch" for each in processes()):
        return "The watcher is starting: `fleet logs watch`."
    command = "`fleet reload`" if is_up() else "`fleet up`"
    if watch_state.is_on():
        return f"No watcher runs: {command} starts it."
    return f"Nothing is watched: `fleet settings set watch on`, or folders, then {command}."
