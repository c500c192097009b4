"""The queues: their jobs and consumers, actions on them, and the schedules."""

from collections.abc import Callable

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from worker import queues
from worker.errors import BadInputError
from worker.schedule import timetable
from worker.status import overview
from worker.status.long_work import long_work
from worker.supervisor import control

bp = Blueprint("queues", __name__)

_ACTIONS: dict[str, Callable[[str], object]] = {
    "pause": queues.pause,
    "resume": queues.resume,
    "retry": queues.retry,
}


@bp.get("/queues")
def page() -> str:
    """Every queue, the progress of each kind of work, and the schedules."""
    return render_template("queues.html", **_state())


@bp.get("/queues/table")
def table() -> str:
    """The tables alone, for the script that refreshes them."""
    return render_template("queues_table.html", **_state())


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
    return redirect(url_for("queues.page"), 303)


def _state() -> dict[str, object]:
    processes = control.processes()
    return {
        "queues": overview.queues(),
        "work": overview.work(),
        "long_work": [each for each in long_work() if each.settled < each.tracks],
        "schedules": timetable.statuses(),
        "processes": processes,
        "is_up": bool(processes),
    }
