"""`fleet scan`: take in folders of music, and show it happening."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from db import scans
from db.connection import open_database
from db.paths import shown, to_text
from db.schema import check_schema
from worker import dispatch
from worker.cli.bars import show_progress
from worker.cli.control import say
from worker.cli.summary import print_summary
from worker.errors import BadInputError, FleetStoppedShortError
from worker.exit_codes import ExitCode
from worker.redis import endure
from worker.scanning import Follower, Progress
from worker.supervisor import control

_LOOK_EVERY = 0.3
_RING_AFTER = 3.0
"""Seconds without progress, though work is left, after which reconcile is enqueued."""
_PATIENCE = 15
"""Seconds of the same after which a scan counts as stopped."""

EPILOG = """\b
Examples:
  fleet scan ~/Music                 add a folder, or update it
  fleet scan ~/Music /mnt/nas/flac   several
  fleet scan --deep ~/Music          read every file again
  fleet scan --dry-run ~/Music       show what a scan would find
  fleet scan --json ~/Music | jq .covers
"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--deep", is_flag=True, help="Read every file again, changed or not.")
@click.option("--dry-run", is_flag=True, help="Show what a scan would find, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--stop", is_flag=True, help="Stop the fleet after the scan.")
@click.pass_context
def scan(  # noqa: PLR0913, PLR0917  # click passes each option by name
    context: click.Context,
    paths: tuple[str, ...],
    deep: bool,
    dry_run: bool,
    as_json: bool,
    stop: bool,
) -> None:
    """Add folders of music to the library, or update them: tags, artists, albums, covers.

    Starts the fleet when it is not up. A second scan reads only new and changed files. Ends with 0,
    or with 3 when musicfleet could not read some files: see `fleet problems`.
    """
    roots = [_checked_root(path) for path in paths]
    started_here = control.start(say)
    open_database()
    check_schema()
    endure(dispatch.connection(), _PATIENCE)
    code = None
    try:
        code = _dry_run(roots, deep, as_json) if dry_run else _scan(roots, deep, as_json)
    finally:
        if code != ExitCode.INTERRUPTED:
            _leave(stop, started_here)
    context.exit(code)


def _leave(stop: bool, started_here: bool) -> None:
    """Stop the fleet, or say that it goes on."""
    if stop:
        control.stop(say)
    elif started_here:
        say("The fleet keeps running. `fleet down` stops it.")


def _checked_root(path: str) -> str:
    """The absolute path of a folder that can be read, as text. Raises BadInputError."""
    folder = Path(path).expanduser()
    if not folder.exists():
        raise BadInputError(f"{path} does not exist — name the folder that holds the music")
    if not folder.is_dir():
        raise BadInputError(f"{path} is a file — name the folder that holds it")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise BadInputError(
            f"{path} may not be read — give this user the right to, e.g. chmod o+rx"
        )
    real = os.path.realpath(folder)
    if not os.listdir(real):
        raise BadInputError(f"{path} is empty — is its disk mounted?")
    return to_text(os.fsencode(real))


def _scan(roots: list[str], deep: bool, as_json: bool) -> ExitCode:
    begun = time.monotonic()
    follower = None
    try:
        with _undisturbed():
            follower = Follower([_running(root) or _start(root, deep) for root in roots])
        last = _follow(follower)
    except KeyboardInterrupt:
        if follower is None:
            raise
        say("The scan goes on: `fleet status --watch` shows it, `fleet down` stops it.")
        return ExitCode.INTERRUPTED
    summary = follower.summary(time.monotonic() - begun)
    if last.fault and not summary.found:
        raise BadInputError(last.fault)
    if as_json:
        click.echo(json.dumps(asdict(summary), ensure_ascii=False))
    else:
        print_summary(summary)
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


def _start(root: str, deep: bool) -> int:
    scan_id = scans.start(root, deep=deep)
    dispatch.enqueue(scans.DISCOVERY, scan_id=scan_id)
    return scan_id


def _running(root: str) -> int | None:
    """The scan of this root that goes on, if there is one."""
    unfinished = scans.unfinished(root)
    if unfinished is None or Follower([unfinished.id]).poll().idle:
        return None
    say(f"A scan of {shown(root)} runs already; this shows its progress.")
    return int(unfinished.id)


def _follow(follower: Follower) -> Progress:
    """Show progress until the scans are done.

    Raises FleetStoppedShortError when work is left that no queue holds.
    """
    patience = _Patience(follower)
    with show_progress() as show:
        while True:
            begun = time.monotonic()
            progress = follower.poll()
            show(progress.stages)
            if progress.finished:
                if progress.given_up and (failure := follower.failure()):
                    raise FleetStoppedShortError(_failed(failure))
                return progress
            patience.look(progress)
            time.sleep(
                max(_LOOK_EVERY, 4 * (time.monotonic() - begun))
            )  # large libraries count long


class _Patience:
    """Notices that nothing goes on, though work is left."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._busy_at = time.monotonic()
        self._rung = False

    def look(self, progress: Progress) -> None:
        """Take note. Raises FleetStoppedShortError when there is nothing left to wait for."""
        stranded = self._follower.stranded()
        if not progress.idle and not stranded:
            self._busy_at = time.monotonic()
        idle = time.monotonic() - self._busy_at
        if stranded and idle > _PATIENCE:
            program = dispatch.topology().consumers(stranded)[0].name
            raise FleetStoppedShortError(
                f"the queue {stranded} holds jobs, and no live worker consumes it — "
                f"see `fleet logs {program}`, then `fleet up`"
            )
        if not stranded and idle > _RING_AFTER:
            self._wake(idle)

    def _wake(self, idle: float) -> None:
        """Have the sweep ring for what is left, once; give up when a job has failed."""
        failure = self._follower.failure()
        if failure:
            raise FleetStoppedShortError(_failed(failure))
        if not self._rung:
            dispatch.enqueue("maintenance.reconcile")
            self._rung = True
        elif idle > _PATIENCE:
            raise FleetStoppedShortError(
                "work is left, but no queue holds a job for it — scan again, or run `fleet doctor`"
            )


def _failed(failure: str) -> str:
    return f"a job failed: {failure} — then scan again"


def _dry_run(roots: list[str], deep: bool, as_json: bool) -> ExitCode:
    for root in roots:
        job_id = dispatch.enqueue(scans.DISCOVERY, root=root, deep=deep, dry_run=True)
        found = dispatch.wait_for(job_id)
        if as_json:
            click.echo(json.dumps(found, ensure_ascii=False))
        else:
            counts = ", ".join(f"{count} {what}" for what, count in found["counts"].items())
            click.echo(f"{shown(root)}: {counts}")
    return ExitCode.OK
