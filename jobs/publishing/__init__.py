"""Publishing: what the fleet knows, written to where other programs find it, when asked.

Each export is a run, a row of `exports`, that one job does item by item. Whatever ends the job
between two items, the next attempt goes on after the last of them; within an item it finds from
files and rows what is done. Nothing is written over a byte that is not ours.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, Protocol, cast

from db.errors import ServerError
from db.ledger import obstacle_of
from db.models import ExportRun
from db.publishing import export_runs, written_files
from db.publishing import servers as music_servers
from db.publishing.export_runs import End, Outcome
from db.publishing.written_files import Kind
from jobs.errors import JobError, NoSuchExportError
from jobs.providers.errors import UnavailableError
from jobs.publishing import art, disk, mirror, playlists, push, tags
from jobs.publishing.tables import Tables
from worker.dispatch import enqueue, job

_SECONDS = 600.0
"""How long a job works on a run before another goes on: what else waits gets its turn."""
_AT_ONCE = 100
"""Rows that an undoing reads at a time."""
Item = Sequence[Any]
"""Numbers, or text, by which the items of an export are in order."""


Outcomes = Generator[tuple[Item, list[Outcome]], None, None]
"""Of each item what became of it."""


class Exporter(Protocol):
    """What a module of this folder offers."""

    def items(self, options: Mapping[str, Any], /) -> Sequence[Item]:
        """All there is to be gone through, in ascending order."""

    def work(self, items: Sequence[Any], options: Mapping[str, Any], /, *, dry: bool) -> Outcomes:
        """Do each of these items, in order, and say what became of it; `dry`: just say it."""


_EXPORTERS: dict[Kind, Exporter] = {
    Kind.ART: cast("Exporter", art),
    Kind.PLAYLISTS: cast("Exporter", playlists),
    Kind.TAGS: cast("Exporter", tags),
    Kind.MIRROR: cast("Exporter", mirror),
    Kind.JSON: Tables(Kind.JSON),
    Kind.CSV: Tables(Kind.CSV),
    Kind.PARQUET: Tables(Kind.PARQUET),
}


@job
def export(
    run_id: int | None = None,
    dry_run: bool = False,
    kind: str = "",
    options: dict[str, Any] | None = None,
    undo: bool = False,
) -> list[dict[str, Any]] | None:
    """Do what is left of a run of `exports`: write files, or with its `undo` remove them.

    With `dry_run` it changes nothing, and returns what would become of each file of an export of
    that kind with these options. Raises NoSuchExportError.
    """
    if dry_run:
        outcomes = _undone if undo else _worked
        found = outcomes(Kind(kind), options or {}, None, dry=True)
        return [_as_json(outcome) for _, each in found for outcome in each]
    run = export_runs.get(run_id or 0)
    if run is None:
        raise NoSuchExportError(f"there is no export {run_id} — run `fleet export`")
    if run.finished_at is None:
        try:
            _go_on(run)
        except Exception as error:
            if obstacle_of(error) is None:
                export_runs.end(run.id, f"{type(error).__name__}: {error}")
            raise
    return None


@job
def push_playlists(server_id: int, dry_run: bool = False) -> dict[str, Any] | None:
    """Do what is due for a music server: push playlists, have it look for new files.

    Why it was not done is in the row of the server, with the time of the next attempt. With
    `dry_run` it changes nothing, and returns what would become of each playlist. Raises JobError in
    a dry run.
    """
    row = music_servers.get(server_id)
    if row is None:
        return None
    try:
        outcome, settled = push.run(row, dry=dry_run)
    except (JobError, ServerError) as error:
        if dry_run:
            raise
        passes = isinstance(error, UnavailableError)
        music_servers.failed(row, _with_remedy(row.name, str(error), passes=passes), passes=passes)
        return None
    except Exception as error:
        music_servers.failed(row, f"{type(error).__name__}: {error}", passes=True)
        raise
    if not dry_run:
        return None
    return {"outcome": outcome.as_json(), "playlists": [each._asdict() for each in settled]}


def _with_remedy(name: str, fault: str, *, passes: bool) -> str:
    if " — " in fault:
        return fault
    if passes:
        return f"{fault} — it is tried again in an hour"
    return f"{fault} — repair it there, or `fleet server passwd {name}`; then `fleet server push`"


def _go_on(run: ExportRun) -> None:
    """Do items that are left for a while; end the run, or have the next job go on with it."""
    outcomes, begun = _undone if run.undo else _worked, time.monotonic()
    with closing(outcomes(Kind(run.kind), run.options, run, dry=False)) as found:
        for item, each in found:
            if not export_runs.record(run, item, each):
                return
            if time.monotonic() - begun > _SECONDS:
                enqueue(export_runs.JOB, run_id=run.id)
                return
    export_runs.end(run.id)


def _worked(
    kind: Kind, options: Mapping[str, Any], run: ExportRun | None, *, dry: bool
) -> Outcomes:
    exporter = _EXPORTERS[kind]
    items = exporter.items(options)
    if run is not None:
        export_runs.set_total(run.id, len(items))
        items = [each for each in items if run.position is None or list(each) > run.position]
    yield from exporter.work(items, options, dry=dry)


def _undone(
    kind: Kind, options: Mapping[str, Any], run: ExportRun | None, *, dry: bool
) -> Outcomes:
    place = options.get("folder")
    if run is not None:
        export_runs.set_total(run.id, run.done + written_files.count(kind, place))
    take_away = tags.take_away if kind is Kind.TAGS else disk.take_away
    after = 0
    while rows := written_files.of_kind(kind, place, after, _AT_ONCE):
        for each in rows:
            try:
                outcome = take_away(each, dry=dry)
            except OSError as error:
                outcome = disk.failure(error, each.path)
            yield [-each.id], [outcome]
        after = rows[-1].id


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {**outcome._asdict(), "end": End(outcome.end).value, "details": list(outcome.details)}
