"""`fleet scan`: scan folders of music, and show progress and result."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from shlex import quote
from typing import TypeVar

import click

from db import ledger, settings
from db.errors import DatabaseLockedError
from db.scanning import scans
from db.scanning.selection import Selection, left_out_text
from db.sql.connection import close_database, open_database
from db.sql.path_text import is_under, shown, to_text
from db.sql.schema import check_schema
from worker import dispatch
from worker.cli.output import print_json, print_line, say
from worker.cli.progress import print_what_follows, show_progress, wait_for_all
from worker.errors import (
    BadInputError,
    ExitCode,
    FleetStoppedShortError,
    ScanCancelledError,
)
from worker.maintenance.roots import checked_root
from worker.phrases import counted
from worker.redis.connection import endure, is_away
from worker.status.scan_progress import Follower, ScanProgress, Summary
from worker.supervisor import control


def print_summary(summary: Summary) -> None:
    """Print a scan's summary for people, on stdout."""
    print_line(f"Scanned {', '.join(map(shown, summary.roots))} in {summary.seconds:,.1f} s")
    print_line(
        f"  files    {summary.found:,} found: {summary.new:,} new, {summary.changed:,} changed, "
        f"{summary.moved:,} moved, {summary.missing:,} missing, {summary.unreadable:,} unreadable"
    )
    for root, former in summary.former_roots.items():
        print_line(
            f"  moved    {shown(root)} holds the library of {shown(former)}, which is away: its "
            "tracks moved along, with all that is known of them. If this is a copy of it: "
            f"`fleet root move {quote(shown(root))} {quote(shown(former))}` when that is back"
        )
    for double in summary.doubles:
        print_line(f"  copies   {double}")
    if left_out := left_out_text(summary.left_out):
        print_line(f"  left out {left_out}")
    print_line(
        f"  library  {counted(summary.tracks, 'track')}, "
        f"{counted(summary.albums, 'album')}, {counted(summary.artists, 'artist')}"
    )
    for entity_type, sources in summary.covers.items():
        by_source = ", ".join(f"{count:,} {source}" for source, count in sources.items())
        print_line(f"  covers   {counted(sum(sources.values()), entity_type)}: {by_source}")
    if summary.bad_pictures:
        print_line(f"  {counted(summary.bad_pictures, 'picture')} cannot be used")
    if summary.unreadable or summary.bad_pictures or summary.noted:
        print_line("  Which files, and why: fleet problems")


_POLL_SECONDS = 0.3
_LINES_SECONDS = 1.0
"""Where no bars move, but lines are printed now and then."""
_LOOK_SECONDS = 1.0
"""Seconds between two questions who consumes the queues: supervisord is asked for that."""
_ENQUEUE_AFTER = 3.0
"""Seconds without progress, though work is left, after which reconcile is enqueued."""
_PATIENCE = 15
"""Seconds of the same after which a scan counts as stopped."""

_LONGEST_PATIENCE = 60
"""Seconds of the same that reconciliation is given, which a worker that dies begins again."""
T = TypeVar("T")

EPILOG = """\b
Examples:
  fleet scan ~/Music                 add a folder, or update it
  fleet scan ~/Music /mnt/nas/flac   several
  fleet scan --deep ~/Music          read every file again
  fleet scan --dry-run ~/Music       show what a scan would find
  fleet scan --json ~/Music | jq .covers
  fleet scan --cancel ~/Music        end a scan that is running
"""


class _Scan(click.Command):
    """A command whose --stop may have a value; click would take a path for it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with --stop=now as an option of its own."""
        end = args.index("--") if "--" in args else len(args)
        known = ["--stop-now" if each == "--stop=now" else each for each in args[:end]]
        for each in known:
            if each.startswith("--stop="):
                raise click.UsageError(f"{each} is neither --stop nor --stop=now", ctx)
        return super().parse_args(ctx, known + args[end:])


@click.command(cls=_Scan, epilog=EPILOG)
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("--deep", is_flag=True, help="Read every file again, changed or not.")
@click.option("--dry-run", is_flag=True, help="Show what a scan would find, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--cancel", is_flag=True, help="End the running scans of PATH, or all of them.")
@click.option(
    "--stop",
    is_flag=True,
    help="Stop the fleet once all that follows the scan is done too, such as the analysis; "
    "--stop=now right after the scan.",
)
@click.option("--stop-now", is_flag=True, hidden=True)
@click.pass_context
def scan(  # noqa: PLR0913, PLR0917  # click passes each option by name
    context: click.Context,
    paths: tuple[str, ...],
    deep: bool,
    dry_run: bool,
    as_json: bool,
    cancel: bool,
    stop: bool,
    stop_now: bool,
) -> None:
    """Add folders of music to the library, or update them: tags, artists, albums, covers.

    Starts the fleet when it is not up. A second scan reads only new and changed files. Ends with 0,
    or with 3 when musicfleet could not read some music: see `fleet problems`.

    What a cancelled scan has taken in stays, and it judges no file missing.
    """
    if cancel:
        _cancel(paths)
        return
    if not paths:
        raise click.UsageError("name the folder that holds the music: fleet scan PATH")
    roots = [checked_root(path) for path in paths]
    Selection.of_settings()  # a fault is said here and not by a job
    started_here = control.start(say)
    open_database()
    check_schema()
    endure(dispatch.connection(), _PATIENCE)
    code = None
    try:
        code = _dry_run(roots, deep, as_json) if dry_run else _scan(roots, deep, as_json)
        if stop and not dry_run and code != ExitCode.INTERRUPTED and not _all_done():
            code = ExitCode.INTERRUPTED
    finally:
        if code != ExitCode.INTERRUPTED:
            _leave(stop or stop_now, started_here)
    context.exit(code)


def _all_done() -> bool:
    """Wait until all that follows is done; False when the user would not wait."""
    try:
        _patiently(wait_for_all)
    except KeyboardInterrupt:
        say("The fleet works on: `fleet status --watch` shows it, `fleet down` stops it.")
        return False
    return True


def _cancel(paths: Sequence[str]) -> None:
    """Cancel the scans of these folders and of those below them; without a path all of them."""
    open_database()
    check_schema()
    wanted = [to_text(os.fsencode(os.path.realpath(settings.expanded(path)))) for path in paths]
    running = scans.all_unfinished()
    for root in wanted:
        if not any(is_under(scan.root, root) for scan in running):
            raise BadInputError(
                f"no scan of {shown(root)} is running — `fleet status` lists those that are"
            )
    chosen = [
        scan for scan in running if not paths or any(is_under(scan.root, root) for root in wanted)
    ]
    for scan in chosen:
        if scans.end_early(scan.id):
            print_line(f"Cancelled the scan of {shown(scan.root)}. What it took in stays.")
    if not chosen:
        say("No scan is running.")


def _leave(stop: bool, started_here: bool) -> None:
    """Stop the fleet, or say that it keeps running."""
    if stop:
        control.stop(say)
    elif started_here:
        say("The fleet keeps running. `fleet down` stops it.")


def _scan(roots: list[str], deep: bool, as_json: bool) -> ExitCode:
    begun = time.monotonic()
    follower = None
    try:
        with _undisturbed():
            follower = Follower(
                [_patiently(partial(_running_or_new, root, deep)) for root in roots]
            )
        last = _follow(follower)
    except KeyboardInterrupt:
        if follower is None:
            raise
        say("The scan continues: `fleet status --watch` shows it, `fleet down` stops it.")
        return ExitCode.INTERRUPTED
    if last.fault == scans.CANCELLED:
        raise ScanCancelledError("the scan was cancelled; what it took in stays — scan again")
    summary = follower.summary(time.monotonic() - begun)
    if last.fault and not summary.found:
        raise BadInputError(last.fault)
    if as_json:
        print_json(asdict(summary))
    else:
        print_summary(summary)
        print_what_follows()
    for each in ledger.waiting():
        if not each.obstacle.policy.is_expected:
            say(f"{each.text} — {each.obstacle.remedy}")
    if last.fault:
        raise BadInputError(last.fault)
    return ExitCode.PROBLEMS if summary.unreadable else ExitCode.OK


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait: a scan that is begun is enqueued too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _patiently(step: Callable[[], T]) -> T:
    """Take a step again until Redis and the database let it, as long as a fleet is up.

    Raises their errors when there is no fleet that would have them back, or that do not pass.
    """
    said = ""
    while True:
        try:
            return step()
        except Exception as error:
            store = _absent_store(error)
            if not store or not control.is_up():
                raise
            if said != store:
                reason = str(error).strip().partition("\n")[0]
                say(f"{store} does not answer, or refuses ({reason}): this waits until it does.")
            said = store
            close_database()  # a connection that the server has cut stays so
            time.sleep(_POLL_SECONDS)


def _absent_store(error: Exception) -> str:
    """What does not answer for a while; empty when the error is another."""
    if is_away(error):
        return "Redis"
    obstacle = ledger.obstacle_of(error)
    is_away_for_now = obstacle == ledger.Obstacle(ledger.Cause.DATABASE_AWAY)
    return "The database" if is_away_for_now or isinstance(error, DatabaseLockedError) else ""


def _running_or_new(root: str, deep: bool) -> int:
    """The running scan of this root, or one that is begun."""
    running = _running(root)
    if running is None:
        running = scans.start(root, deep=deep)
        _patiently(partial(dispatch.enqueue, scans.DISCOVERY, scan_id=running))
    return running


def _running(root: str) -> int | None:
    """The running scan of this root, if there is one."""
    unfinished = scans.unfinished(root)
    if unfinished is None or Follower([unfinished.id]).poll().idle:
        return None
    say(f"A scan of {shown(root)} runs already; this shows its progress.")
    return int(unfinished.id)


def _follow(follower: Follower) -> ScanProgress:
    """Show progress until the scans are done.

    Raises FleetStoppedShortError when work is left that no queue holds.
    """
    patience = _Patience(follower)
    with show_progress() as show:
        while True:
            begun = time.monotonic()
            progress = _patiently(follower.poll)
            show(progress.stages)
            if progress.finished or progress.fault == scans.CANCELLED:
                if progress.given_up and (failure := follower.failure()):
                    raise FleetStoppedShortError(_failed(failure))
                return progress
            _patiently(partial(patience.note, progress))
            usual = _POLL_SECONDS if sys.stderr.isatty() else _LINES_SECONDS
            pause = max(usual, 4 * (time.monotonic() - begun))  # large libraries count long
            _patiently(partial(follower.wait, pause))


class _Patience:
    """Notices that nothing progresses, though work is left."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._busy_at = time.monotonic()
        self._enqueued = False
        self._waits_for = ""
        self._looked_at = float("-inf")
        self._stranded: str | None = None

    def note(self, progress: ScanProgress) -> None:
        """Take note. Raises FleetStoppedShortError when there is nothing left to wait for."""
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._stranded, self._looked_at = self._follower.stranded(), time.monotonic()
        stranded = self._stranded
        if not progress.idle and not stranded:
            self._busy_at = time.monotonic()
        idle = time.monotonic() - self._busy_at
        if stranded and idle > _PATIENCE and not self._is_restarting(stranded):
            program = dispatch.topology().consumers(stranded)[0].name
            raise FleetStoppedShortError(
                f"the queue {stranded} holds jobs, and no live worker consumes it — "
                f"see `fleet logs {program}`, then `fleet up`"
            )
        if not stranded and idle > _ENQUEUE_AFTER:
            self._wake(idle)

    def _is_restarting(self, queue: str) -> bool:
        """Whether supervisord will have a worker of this queue again; it says so once."""
        programs = {program.name for program in dispatch.topology().consumers(queue)}
        present = [each for each in control.processes() if each.program in programs]
        coming = sorted({each.program for each in present if not each.is_down or each.rests})
        if coming and self._waits_for != queue:
            self._waits_for = queue
            say(f"supervisord restarts {', '.join(coming)}, which died: this waits for it.")
        return bool(coming)

    def _wake(self, idle: float) -> None:
        """Enqueue reconciliation for what is left, once; give up when a job has failed."""
        failure = self._follower.failure()
        if failure:
            raise FleetStoppedShortError(_failed(failure))
        if not self._enqueued:
            dispatch.enqueue("maintenance.reconcile")
            self._enqueued = True
        elif idle > _LONGEST_PATIENCE:
            raise FleetStoppedShortError(
                "work is left, but no queue holds a job for it — scan again, or run `fleet doctor`"
            )


def _failed(failure: str) -> str:
    return f"a job failed: {failure} — then scan again"


def _dry_run(roots: list[str], deep: bool, as_json: bool) -> ExitCode:
    answers = []
    for root in roots:
        job_id = dispatch.enqueue(scans.DISCOVERY, root=root, deep=deep, dry_run=True)
        found = dispatch.wait_for(job_id)
        answers.append({"root": shown(root), **found})
        if not as_json:
            counts = ", ".join(f"{count} {what}" for what, count in found["counts"].items())
            print_line(f"{shown(root)}: {counts}")
            if former := found["former_root"]:
                print_line(f"  what was new is the library of {shown(former)}, which is away")
    if as_json:
        print_json({"roots": answers})
    return ExitCode.OK
