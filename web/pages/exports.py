"""Exports: those that were asked for, another one with its dry run first, and what undoes them."""

from typing import Any, NamedTuple

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from db.models import ExportRun
from db.publishing import export_runs, written_files
from db.publishing.export_runs import DONE, End
from db.publishing.written_files import Kind
from db.sql.path_text import shown
from worker import dispatch
from worker.errors import BadInputError, JobFailedError
from worker.maintenance import exports, roots
from worker.phrases import counted
from worker.supervisor.rpc import is_up

bp = Blueprint("exports", __name__)

_LATEST = 20
_PATIENCE = 20.0
"""Seconds that a dry run may take while somebody waits for the page."""
_SHOWN = 40
"""Files that the page of a dry run lists."""
_LONGEST = 4096
_LARGEST_ID = 2**31 - 1
TITLES = {
    Kind.ART: "Covers",
    Kind.TAGS: "Tags",
    Kind.PLAYLISTS: "Playlists",
    Kind.MIRROR: "Mirror",
    Kind.JSON: "JSON",
    Kind.CSV: "CSV",
    Kind.PARQUET: "Parquet",
}


class Run(NamedTuple):
    """An export that was asked for, as the page shows it."""

    row: ExportRun
    title: str
    folder: str
    outcome: str


class Written(NamedTuple):
    """What an export has written and can take away."""

    kind: Kind
    title: str
    folder: str
    files: int


@bp.get("/exports")
def page() -> str:
    """The exports, and what can be exported."""
    return _page()


@bp.get("/exports/runs")
def runs() -> str:
    """The exports alone, for the script that refreshes them."""
    return render_template("export_runs.html", **_state())


@bp.post("/exports/plan")
def plan() -> str | tuple[str, int]:
    """A dry run, which changes nothing: what an export or its undoing would do."""
    kind, undo = _kind(), "undo" in request.form
    try:
        options = _options(kind, undo=undo)
        found = _dry_run(kind, options, undo=undo)
    except (BadInputError, JobFailedError) as error:
        return _page(_sentence(error), kind), 400
    return render_template(
        "export_plan.html",
        kind=kind,
        title=TITLES[kind],
        folder=options.get("folder", ""),
        fields=[(name, text) for name, text in request.form.items() if name != "kind"],
        undo=undo,
        **_summed(found),
    )


@bp.post("/exports")
def begin() -> Response | tuple[str, int]:
    """Begin an export, or undo one."""
    kind, undo = _kind(), "undo" in request.form
    try:
        options = _options(kind, undo=undo)
    except BadInputError as error:
        return _page(_sentence(error), kind), 400
    exports.begin(kind, options, undo=undo)
    return redirect(url_for("exports.page"), 303)


@bp.post("/exports/cancel")
def cancel() -> Response:
    """Cancel an export; one that has ended meanwhile is left as it is."""
    run_id = request.form.get("run", "")
    if not run_id.isascii() or not run_id.isdigit() or int(run_id[:18]) > _LARGEST_ID:
        abort(404, "There is no such export.")
    try:
        exports.cancel(int(run_id))
    except BadInputError as error:
        abort(404, str(error))
    return redirect(url_for("exports.page"), 303)


def _page(fault: str = "", kind: Kind | None = None) -> str:
    return render_template(
        "exports.html",
        fault=fault,
        faulty="tables" if kind in {Kind.JSON, Kind.CSV, Kind.PARQUET} else kind,
        pattern=exports.PATTERN,
        given=request.form,
        tables=[Kind.JSON, Kind.CSV, Kind.PARQUET],
        titles=TITLES,
        **_state(),
    )


def _state() -> dict[str, Any]:
    return {
        "runs": [
            Run(row, TITLES[Kind(row.kind)], row.options.get("folder", ""), _outcome(row.counts))
            for row in export_runs.latest(_LATEST)
        ],
        "written": [
            Written(kind, title, place or "", files)
            for kind, title in TITLES.items()
            for place in ([None] if kind in exports.IN_LIBRARY else written_files.places_of(kind))
            if (files := written_files.count(kind, place))
        ],
    }


def _outcome(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{counted(counts[end], 'file')} {word}" for end, word in DONE.items() if counts.get(end)
    )


def _kind() -> Kind:
    """The export that a request names."""
    try:
        return Kind(request.form.get("kind", ""))
    except ValueError:
        abort(404, "There is no such export.")


def _options(kind: Kind, *, undo: bool) -> dict[str, Any]:
    """What a form says of an export, checked. Raises BadInputError."""
    form = request.form
    folder = form.get("folder", "")[:_LONGEST].strip()
    place = None if kind in exports.IN_LIBRARY else roots.placed(folder)
    if undo:
        return exports.checked_undo(kind, place)
    return exports.checked(
        kind,
        place,
        pattern=form.get("pattern", "")[:_LONGEST].strip(),
        tags="tags" in form,
        replaygain="replaygain" in form,
    )


def _dry_run(kind: Kind, options: dict[str, Any], *, undo: bool) -> list[dict[str, Any]] | None:
    """What would become of each file; None when that takes too long to wait for."""
    if not is_up():
        raise BadInputError("the fleet is not up — start it by `fleet up`")
    job_id = dispatch.enqueue(
        export_runs.JOB, dry_run=True, kind=kind.value, options=options, undo=undo
    )
    found: list[dict[str, Any]] | None = dispatch.wait_for(job_id, _PATIENCE)
    return found


def _summed(found: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A dry run as its page shows it."""
    if found is None:
        return {"is_known": False, "files": [], "more": 0, "outcome": "", "changes": True}
    counts = {end: sum(each["end"] == end for each in found) for end in End}
    listed = [each for each in found if each["end"] != End.UNCHANGED]
    return {
        "is_known": True,
        "files": [{**each, "what": shown(each["what"])} for each in listed[:_SHOWN]],
        "more": max(0, len(listed) - _SHOWN),
        "outcome": _outcome({end.value: count for end, count in counts.items()}),
        "changes": bool(counts[End.WRITTEN] or counts[End.REMOVED]),
    }


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}"
