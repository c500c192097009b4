"""The stages of the pipeline, and what can be done with them."""

from collections.abc import Callable
from dataclasses import asdict
from math import ceil
from typing import NamedTuple

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from db import ledger, settings
from web.pages import is_json_wanted
from worker import dispatch, queues, schedule
from worker.errors import BadInputError, WorkerError
from worker.queues import jobs
from worker.status import overview, stages
from worker.supervisor import control
from worker.supervisor.change import Change, apply

bp = Blueprint("queues", __name__)

_ACTIONS: dict[str, Callable[[str], object]] = {
    "pause": queues.pause,
    "resume": queues.resume,
    "retry": jobs.retry,
}
_MOST_PROCESSES = 1_000


@bp.get("/queues")
def page() -> str | Response:
    """Every stage with its work, its programs and what can be done; schedules, hosts. Or JSON."""
    if is_json_wanted():
        present = control.processes()
        return jsonify(
            version=1,
            up=bool(present),
            stages=[each.as_json() for each in stages.stages(present)],
            schedules=[each.as_json() for each in schedule.statuses()],
            hosts=[asdict(each) for each in overview.hosts()],
        )
    return render_template(
        "queues.html", schedules=schedule.statuses(), hosts=overview.hosts(), **_state()
    )


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


@bp.post("/queues/pause", defaults={"action": "pause"})
@bp.post("/queues/resume", defaults={"action": "resume"})
def all_at_once(action: str) -> Response:
    """Pause all queues, or resume them."""
    (queues.pause_all if action == "pause" else queues.resume_all)()
    return _back()


class Plan(NamedTuple):
    """What asking again for one kind of work means."""

    need: ledger.Need
    entities: int
    jobs: int
    seconds: float | None
    """How long the jobs may take; None when nothing is known of any."""


_AGAIN = "/queues/<name>/again/<any(missing, failed, cancelled, all):which>"
_TITLES = {
    ledger.Which.MISSING: "Do what is missing",
    ledger.Which.FAILED: "Try again what failed",
    ledger.Which.CANCELLED: "Do what was cancelled",
    ledger.Which.ALL: "Do all of it again",
}


@bp.get(_AGAIN)
def again(name: str, which: str) -> str:
    """What would be enqueued, and how long that may take, before somebody confirms it."""
    meant = ledger.Which(which)
    found = [(each, len(ledger.ask_again(each, meant, dry_run=True))) for each in _needs(name)]
    jobs = [ceil(count / need.per_job) for need, count in found]
    plans = [
        Plan(need, count, number, stages.estimate(need, number) if number else None)
        for (need, count), number in zip(found, jobs, strict=True)
    ]
    title = f"{_TITLES[meant]}: {name}"
    return render_template(
        "again.html", name=name, title=title, which=which, plans=plans, total=sum(jobs)
    )


@bp.post(_AGAIN)
def ask_again(name: str, which: str) -> Response:
    """Enqueue it, as `fleet enqueue` does."""
    for need in _needs(name):
        dispatch.enqueue_need(need, ledger.ask_again(need, ledger.Which(which), dry_run=False))
    return _back(f"queue-{name}")


def _needs(queue: str) -> list[ledger.Need]:
    """The needs that the jobs of a queue settle; one of them where the request says which."""
    jobs = dispatch.topology().jobs_of(queue)
    wanted = request.args.get("work")
    found = [each for each in ledger.NEEDS if each.job in jobs]
    found = [each for each in found if wanted in {None, f"{each.entity_type} {each.kind}"}]
    return found or abort(404, "No queue of that name does work that can be asked for again.")


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
        schedule.run_now(name)
    except BadInputError as error:
        abort(404, str(error))
    return _back()


def _back(anchor: str | None = None) -> Response:
    return redirect(url_for("queues.page", _anchor=anchor), 303)


def _state() -> dict[str, object]:
    present = control.processes()
    found = stages.stages(present)
    programs = {program.name for stage in found for program in stage.programs}
    return {
        "stages": found,
        "others": [each for each in present if each.program not in programs],
        "is_up": bool(present) or bool(settings.supervisor()),
    }
