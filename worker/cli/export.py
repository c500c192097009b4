"""`fleet export`: write what is known to where other programs find it, and undo that."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from db.models import ExportRun
from db.publishing import export_runs
from db.publishing.export_runs import DONE, End
from db.publishing.written_files import Kind
from db.sql.connection import open_database
from db.sql.path_text import shown
from db.sql.schema import check_schema
from worker.cli.cover import perform
from worker.cli.output import print_json, print_line, say
from worker.cli.progress import show_progress
from worker.errors import BadInputError, ExitCode, JobFailedError
from worker.maintenance import exports
from worker.phrases import counted
from worker.status.scan_progress import Stage
from worker.supervisor import control

Command = TypeVar("Command", bound=Callable[..., Any])
_POLL_SECONDS = 0.3
_SHOWN = 40
"""Files that a dry run lists; --json lists all."""


@click.group(name="export")
def export() -> None:
    """Write what is known to files for other programs, and undo it.

    Nothing is ever written over a file that musicfleet did not write itself. Each export is a job
    of the fleet: a second one writes only what is new, one that was interrupted goes on, and
    `fleet export undo` takes away what was written.
    """


def _options(command: Command) -> Command:
    """Give a command the options that all exports have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="The result as JSON."),
        click.option(
            "-n", "--dry-run", is_flag=True, help="Show what would be written, and write nothing."
        ),
    ):
        command = option(command)
    return command


@export.command(
    epilog="""\b
Examples:
  fleet export art --dry-run
  fleet export art
  fleet export undo art
"""
)
@_options
@click.pass_context
def art(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """Write cover.jpg, disc2.jpg and artist.jpg into the folders of the library.

    A folder that has such a picture of its own keeps it. Scans do not take what is written for
    pictures of yours.
    """
    context.exit(_run(Kind.ART, {}, dry_run=dry_run, as_json=as_json))


@export.command(
    epilog="""\b
Examples:
  fleet export tags --dry-run
  fleet export tags --no-replaygain
  fleet export undo tags
"""
)
@click.option(
    "--replaygain/--no-replaygain",
    default=True,
    help="Whether loudness is measured, which decodes every file that lacks it.",
)
@_options
@click.pass_context
def tags(context: click.Context, replaygain: bool, dry_run: bool, as_json: bool) -> None:
    """Write tempo, key, ReplayGain and MusicBrainz ids into files that lack them.

    What a file says itself stays. Each file has a backup in the data folder, by which `undo` gives
    it back to the byte; its sound is compared before it is replaced. A dry run shows each field.
    """
    options = {"replaygain": replaygain}
    context.exit(_run(Kind.TAGS, options, dry_run=dry_run, as_json=as_json))


_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@export.command(
    epilog="""\b
Examples:
  fleet export playlists ~/Music/Playlists
  fleet export undo playlists ~/Music/Playlists
"""
)
@_FOLDER
@_options
@click.pass_context
def playlists(context: click.Context, folder: Path, dry_run: bool, as_json: bool) -> None:
    """Write an M3U8 file of each cluster, mood and user's playlist into FOLDER.

    Their paths are relative to FOLDER. A second time they are refreshed in place, and those that
    are no more go.
    """
    options = exports.checked(Kind.PLAYLISTS, str(folder))
    context.exit(_run(Kind.PLAYLISTS, options, dry_run=dry_run, as_json=as_json))


@export.command(
    epilog="""\b
Examples:
  fleet export mirror /mnt/player --dry-run
  fleet export mirror /mnt/player --pattern "{artist}/{album}/{disc}{track} {title}"
  fleet export undo mirror /mnt/player
"""
)
@_FOLDER
@click.option(
    "--pattern",
    default=exports.PATTERN,
    show_default=True,
    help="The path of each file, without its extension. There are also {artist} and {name}.",
)
@click.option("--tags/--no-tags", "with_tags", default=True, help="Whether tags are completed.")
@_options
@click.pass_context
def mirror(  # noqa: PLR0913, PLR0917  # click passes each option by name
    context: click.Context,
    folder: Path,
    pattern: str,
    with_tags: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make FOLDER a tree of the library by a pattern, with tags and covers complete.

    No original is changed. Files share the disk with the originals where that can be: as reflinks,
    else as hard links; else, and where tags are completed, they are copies. A second time only what
    changed is written, and what is gone goes.
    """
    open_database()
    check_schema()
    options = exports.checked(Kind.MIRROR, str(folder), pattern=pattern, tags=with_tags)
    context.exit(_run(Kind.MIRROR, options, dry_run=dry_run, as_json=as_json))


def _table(kind: Kind, what: str) -> click.Command:
    """The command that writes the library in one of the formats of tables."""

    @click.command(
        name=kind.value,
        help=f"Write tracks, albums and artists into FOLDER as {what}.\n\nThe files are "
        f"tracks.{kind}, albums.{kind} and artists.{kind}; what was guessed has its source in the "
        "column guessed.",
        epilog=f"\b\nExamples:\n  fleet export {kind} ~/library\n"
        f"  fleet export undo {kind} ~/library\n",
    )
    @_FOLDER
    @_options
    @click.pass_context
    def command(context: click.Context, folder: Path, dry_run: bool, as_json: bool) -> None:
        options = exports.checked(kind, str(folder))
        context.exit(_run(kind, options, dry_run=dry_run, as_json=as_json))

    return command


for _kind, _what in ((Kind.JSON, "JSON"), (Kind.CSV, "CSV"), (Kind.PARQUET, "Parquet")):
    export.add_command(_table(_kind, _what))


@export.command(
    epilog="""\b
Examples:
  fleet export undo art --dry-run
  fleet export undo art
"""
)
@click.argument("kind", type=click.Choice([each.value for each in Kind]))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@_options
@click.pass_context
def undo(
    context: click.Context, kind: str, folder: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Take away what an export wrote. What was changed since is yours, and stays.

    FOLDER is the one that was named for the export, where one was.
    """
    open_database()
    check_schema()
    options = exports.checked_undo(Kind(kind), None if folder is None else str(folder))
    context.exit(_run(Kind(kind), options, undo=True, dry_run=dry_run, as_json=as_json))


@export.command(
    name="list",
    epilog="""\b
Examples:
  fleet export list
  fleet export list --json
""",
)
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
def list_runs(as_json: bool) -> None:
    """List the last exports: what each wrote, how far it is, and how it ended."""
    open_database()
    check_schema()
    runs = export_runs.latest(_LISTED)
    if as_json:
        print_json({"exports": [_as_json(run) for run in runs]})
        return
    for run in runs:
        state = run.fault or ("done" if run.finished_at else "running")
        undo = "undo " if run.undo else ""
        folder = f" {shown(run.options['folder'])}" if "folder" in run.options else ""
        items = f"{run.done:,}" if run.total is None else f"{run.done:,} of {run.total:,}"
        print_line(f"{run.id}  {undo}{run.kind}{folder}  {state}, {items}  {_summary(run.counts)}")
    if not runs:
        print_line("No export was asked for yet.")


_LISTED = 20


@export.command(
    epilog="""\b
Examples:
  fleet export list
  fleet export cancel 7
"""
)
@click.argument("run", type=click.IntRange(1, 2**31 - 1))
def cancel(run: int) -> None:
    """Cancel the export RUN, which `fleet export list` names.

    It ends after the file that it is at, and leaves whole files. Ask for the same export to go on:
    what is written already stays as it is. `fleet export undo` takes it away.
    """
    open_database()
    check_schema()
    if exports.cancel(run):
        print_line(f"The export {run} is cancelled. What it wrote stays.")
    else:
        print_line(f"The export {run} has ended already.")


def _run(
    kind: Kind, options: dict[str, Any], *, dry_run: bool, as_json: bool, undo: bool = False
) -> ExitCode:
    """Do an export, or show what it would do."""
    if dry_run:
        open_database()
        check_schema()
        found = perform(export_runs.JOB, dry_run=True, kind=kind.value, options=options, undo=undo)
        return _show_plan(found, as_json)
    control.start(say)
    open_database()
    check_schema()
    run_id = exports.begin(kind, options, undo=undo)
    try:
        run = _follow(run_id)
    except KeyboardInterrupt:
        say(f"The export goes on: `fleet export cancel {run_id}` ends it.")
        return ExitCode.INTERRUPTED
    return _show(run, as_json)


def _follow(run_id: int) -> ExportRun:
    """Show progress until the run has ended. Raises JobFailedError when it ended badly."""
    with show_progress() as show:
        while True:
            run = export_runs.get(run_id)
            if run is None:
                raise BadInputError(f"the export {run_id} is gone — ask for it again")
            show([Stage("items", run.done, run.total)])
            if run.finished_at is not None:
                break
            time.sleep(_POLL_SECONDS)
    if run.fault is not None:
        raise JobFailedError(f"the export ended early: {run.fault} — ask for it again to go on")
    return run


def _show(run: ExportRun, as_json: bool) -> ExitCode:
    code = ExitCode.PROBLEMS if run.counts.get(End.FAILED) else ExitCode.OK
    if as_json:
        print_json({name: _as_json(run)[name] for name in ("id", "counts", "reasons")})
        return code
    print_line(_summary(run.counts))
    for why, count, first in run.reasons:
        more = f" and {count - 1:,} more" if count > 1 else ""
        print_line(f"  {shown(first)}{more}: {why}")
    return code


def _as_json(run: ExportRun) -> dict[str, Any]:
    options = dict(run.options)
    if "folder" in options:
        options["folder"] = shown(options["folder"])
    return {
        "id": run.id,
        "kind": run.kind,
        "options": options,
        "undo": run.undo,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at and run.finished_at.isoformat(),
        "fault": run.fault,
        "total": run.total,
        "done": run.done,
        "counts": run.counts,
        "reasons": [
            {"why": why, "files": count, "first": shown(first)} for why, count, first in run.reasons
        ],
    }


def _show_plan(found: list[dict[str, Any]], as_json: bool) -> ExitCode:
    """What an export would do, file by file."""
    if as_json:
        print_json({"files": [{**each, "what": shown(each["what"])} for each in found]})
        return ExitCode.OK
    listed = [each for each in found if each["end"] != End.UNCHANGED]
    for each in listed[:_SHOWN]:
        why = f": {each['why']}" if each["why"] else ""
        print_line(f"{each['end']}  {shown(each['what'])}{why}")
        for detail in each["details"]:
            print_line(f"    {detail}")
    if len(listed) > _SHOWN:
        print_line(f"… and {len(listed) - _SHOWN:,} more; --json lists all")
    print_line(f"Nothing was changed. {_summary(Counter(each['end'] for each in found))}")
    return ExitCode.OK


def _summary(counts: Any) -> str:
    said = [
        f"{counted(counts[end], 'file')} {word}" for end, word in DONE.items() if counts.get(end)
    ]
    return f"{', '.join(said) or 'There is nothing to write'}."
