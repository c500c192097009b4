"""`fleet export`: write what is known to where other programs find it, and undo that."""

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from db import settings
from db.models import ExportRun
from db.publishing import export_runs, written_files
from db.publishing.export_runs import End
from db.publishing.written_files import Kind
from db.scanning import scans
from db.sql.connection import open_database
from db.sql.path_text import is_under, shown, to_text
from db.sql.schema import check_schema
from worker import dispatch
from worker.cli.cover import perform
from worker.cli.output import print_json, print_line, say
from worker.cli.progress import show_progress
from worker.errors import BadInputError, ExitCode, JobFailedError
from worker.phrases import counted
from worker.status.scan_progress import Stage
from worker.supervisor import control

Command = TypeVar("Command", bound=Callable[..., Any])
_POLL_SECONDS = 0.3
_SHOWN = 40
"""Files that a dry run lists; --json lists all."""
_DONE = {
    End.WRITTEN: "written",
    End.UNCHANGED: "as they should be",
    End.REMOVED: "taken back",
    End.LEFT: "left out",
    End.FAILED: "failed",
}


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
    options = {"folder": _named(folder)}
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
    default="{albumartist}/{album} ({year})/{disc}{track} {title}",
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
    path = _named(folder)
    open_database()
    check_schema()
    for root in scans.roots():
        if is_under(path, root) or is_under(root, path):
            raise BadInputError(
                f"{folder} and the library {shown(root)} lie in each other — name another folder"
            )
    unknown = [name for name in re.findall(r"\{(\w*)\}", pattern) if name not in _PATTERN]
    if unknown or not pattern.strip("/ "):
        said = unknown[0] if unknown else pattern
        raise BadInputError(f"the pattern has {said!r} — write {', '.join(_PATTERN)} in braces")
    options = {"folder": path, "pattern": pattern, "tags": with_tags}
    context.exit(_run(Kind.MIRROR, options, dry_run=dry_run, as_json=as_json))


_PATTERN = ("albumartist", "artist", "album", "year", "disc", "track", "title", "name")


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
        if kind is Kind.PARQUET and find_spec("pyarrow") is None:
            raise BadInputError(
                "Parquet needs the extra parquet — run `pip install 'musicfleet[parquet]'`"
            )
        options = {"folder": _named(folder)}
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
    options = {} if folder is None else {"folder": _named(folder)}
    open_database()
    check_schema()
    places = written_files.places_of(Kind(kind))
    known = ", ".join(map(shown, places)) or "nothing"
    if Kind(kind) in _IN_LIBRARY and folder is not None:
        raise click.UsageError(f"{kind} lies in the library: leave out the folder")
    if Kind(kind) not in _IN_LIBRARY and folder is None:
        raise click.UsageError(f"name the folder that {kind} was written to: {known}")
    if folder is not None and options["folder"] not in places:
        raise BadInputError(f"{kind} was not written to {folder} — it was to: {known}")
    context.exit(_run(Kind(kind), options, undo=True, dry_run=dry_run, as_json=as_json))


_IN_LIBRARY = (Kind.ART, Kind.TAGS)


def _named(folder: Path) -> str:
    """The folder, as rows have it. Raises BadInputError for the data folder."""
    path = to_text(os.fsencode(os.path.realpath(settings.expanded(str(folder)))))
    data_dir = to_text(os.fsencode(os.path.realpath(settings.data_dir())))
    if is_under(path, data_dir):
        raise BadInputError(f"{folder} is in the data folder — name a folder of your own")
    return path


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
    run_id = export_runs.start(kind, options, undo=undo)
    dispatch.enqueue(export_runs.JOB, run_id=run_id)
    try:
        run = _follow(run_id)
    except KeyboardInterrupt:
        say("The export goes on: `fleet status` shows its job.")
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
        reasons = [
            {"why": why, "files": count, "first": shown(first)} for why, count, first in run.reasons
        ]
        print_json({"id": run.id, "counts": run.counts, "reasons": reasons})
        return code
    print_line(_summary(run.counts))
    for why, count, first in run.reasons:
        more = f" and {count - 1:,} more" if count > 1 else ""
        print_line(f"  {shown(first)}{more}: {why}")
    return code


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
        f"{counted(counts[end], 'file')} {word}" for end, word in _DONE.items() if counts.get(end)
    ]
    return f"{', '.join(said) or 'There is nothing to write'}."
