"""The stages of the pipeline, and what can be done with them."""

from collections.abc import Callable

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from web.pager import is_json_wanted
from worker import queues
from worker.errors import BadInputError, WorkerError
from worker.schedule import timetable
from worker.status.stages import stages
from worker.supervisor import control
from worker.supervisor.plan import Change
from worker.supervisor.rollout import apply

bp = Blueprint("queues", __name__)

_ACTIONS: dict[str, Callable[[str], object]] = {
    "pause": queues.pause,
    "resume": queues.resume,
    "retry": queues.retry,
}
_MOST_PROCESSES = 1_000


@bp.get("/queues")
def page() -> str | Response:
    """Every stage with its work, its programs and what can be done; the schedules. Also as JSON."""
    if is_json_wanted():
        present = control.processes()
        return jsonify(
            version=1,
            up=bool(present),
            stages=[each.as_json() for each in stages(present)],
            schedules=[vars(each) for each in timetable.statuses()],
        )
    return render_template("queues.html", schedules=timetable.statuses(), **_state())


@bp.get("/queues/stages")
def cards() -> str:
    """The stages alone, for the script that refreshes them."""
    return render_template("stages.html", **_state())


@bp.post("/queues/<name>/<action>")
def do(name: str, action: str) -> Response:
    """Pause a queue, resume it, or try its failed jobs again."""
    if action not in _ACTIONS:
        abort(404)
    try:
        queues.required(name)
        _ACTIONS[action](name)
    except BadInputError as error:
        abort(404, str(error))
    return _back(f"queue-{name}")


@bp.post("/queues/<any(pause, resume):action>")
def all_at_once(action: str) -> Response:
    """Pause all queues, or resume them."""
    (queues.pause_all if action == "pause" else queues.resume_all)()
    return _back()


@bp.post("/programs/<name>")
def scale(name: str) -> Response:
    """Give a program another number of processes, as `fleet scale` does."""
    text = request.form.get("count", "")
    if not (text.isascii() and text.isdecimal() and int(text[:9]) <= _MOST_PROCESSES):
        abort(400, f"A number of processes is a whole number up to {_MOST_PROCESSES:,}.")
    try:
        change = Change.to_scale(name, int(text))
        apply(change, lambda _: None)
    except WorkerError as error:
        abort(409, str(error))
    return _back(f"queue-{change.topology.programs[name].queues[0]}")


@bp.post("/programs/<name>/start")
def start(name: str) -> Response:
    """Start a process that is down, as `fleet up` does."""
    try:
        control.revive(name)
    except WorkerError as error:
        abort(409, str(error))
    return _back()


@bp.post("/schedules/<name>/run")
def run_now(name: str) -> Response:
    """Enqueue the job of a schedule, unless it waits or runs already."""
    try:
        timetable.run_now(name)
    except BadInputError as error:
        abort(404, str(error))
    return _back()


def _back(anchor: str | None = None) -> Response:
    return redirect(url_for("queues.page", _anchor=anchor), 303)


def _state() -> dict[str, object]:
    present = control.processes()
    found = stages(present)
    programs = {program.name for stage in found for program in stage.programs}
    return {
        "stages": found,
        "others": [each for each in present if each.program not in programs],
        "is_up": bool(present),
    }
