"""Exports that were asked for: how far each has come, and what became of its items.

The row is the truth, and its job a wake-up: a run that no queue holds is enqueued again, and goes
on after the last item that it has gone through.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from db.models import ExportRun, utc_now
from db.publishing.written_files import Kind
from db.sql.connection import transaction
from db.sql.queries import tuples

JOB = "publishing.export"
"""The job that does a run."""
SUPERSEDED = "superseded by a later one"
"""The `fault` of a run that the opposite was asked for after."""
CANCELLED = "cancelled"
"""The `fault` of a run that somebody cancelled: what it wrote stays."""
_MOST_REASONS = 100


class End(StrEnum):
    """What became of an item."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    LEFT = "left out"
    """As it should be: there is nothing to write, or something of somebody else is there."""
    FAILED = "failed"


DONE = {
    End.WRITTEN: "written",
    End.UNCHANGED: "as they should be",
    End.REMOVED: "taken back",
    End.LEFT: "left out",
    End.FAILED: "failed",
}
"""What became of items, in the words of people and their order."""


class Outcome(NamedTuple):
    """What became of an item, and why where that is no matter of course."""

    end: End
    what: str
    """The item, for people: a path in the text form of `db.sql.path_text`, mostly."""
    why: str = ""
    details: Sequence[str] = ()
    """What exactly was, or would be, written: lines for people."""


def start(kind: Kind, options: Mapping[str, Any], *, undo: bool = False) -> int:
    """Ask for an export, or its undoing, and return its id.

    One of the same that has not ended goes on in its place, and one that does the opposite ends.
    """
    with transaction():
        for run in unfinished():
            if (run.kind, run.options, run.undo) == (kind, dict(options), undo):
                return int(run.id)
            is_same_place = run.options.get("folder") == options.get("folder")
            if run.kind == kind and run.undo != undo and is_same_place:
                end(run.id, SUPERSEDED)
        return int(ExportRun.create(kind=kind, options=dict(options), undo=undo).id)


def get(run_id: int) -> ExportRun | None:
    """The run, or None."""
    run: ExportRun | None = ExportRun.get_or_none(ExportRun.id == run_id)
    return run


def unfinished() -> list[ExportRun]:
    """The runs that have not ended, in the order in which they were asked for."""
    query = ExportRun.select().where(ExportRun.finished_at.is_null())
    return list(query.order_by(ExportRun.id))


def latest(count: int) -> list[ExportRun]:
    """The runs that were asked for last, the last one first."""
    return list(ExportRun.select().order_by(ExportRun.id.desc()).limit(count))


def due() -> list[int]:
    """The ids of the runs that have not ended."""
    query = ExportRun.select(ExportRun.id).where(ExportRun.finished_at.is_null())
    return [run_id for (run_id,) in tuples(query.order_by(ExportRun.id))]


def set_total(run_id: int, total: int) -> None:
    """Write how many items a run has."""
    _update(run_id, total=total)


def record(run: ExportRun, position: Sequence[Any], outcomes: Sequence[Outcome]) -> bool:
    """Write that a run has gone through an item; False when it was ended meanwhile."""
    run.done += 1
    for outcome in outcomes:
        run.counts[outcome.end] = run.counts.get(outcome.end, 0) + 1
        if outcome.why:
            _add_reason(run.reasons, outcome)
    return _update(
        run.id, done=run.done, position=list(position), counts=run.counts, reasons=run.reasons
    )


def _add_reason(reasons: list[list[Any]], outcome: Outcome) -> None:
    for reason in reasons:
        if reason[0] == outcome.why:
            reason[1] += 1
            return
    if len(reasons) < _MOST_REASONS:
        reasons.append([outcome.why, 1, outcome.what])


def end(run_id: int, fault: str | None = None) -> bool:
    """End a run; False when it has ended already."""
    return _update(run_id, finished_at=utc_now(), fault=fault)


def _update(run_id: int, **columns: Any) -> bool:
    query = ExportRun.update(**columns).where(
        ExportRun.id == run_id, ExportRun.finished_at.is_null()
    )
    return bool(query.execute())
