"""Jobs one by one, lists of them, and needs of the ledger that failed; retried, cancelled, dropped.

Whatever concerns several is shown with its number first, and done when that is confirmed.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from db import ledger
from db.models import State
from db.sql.connection import transaction
from web.pages import is_json_wanted, paging, text
from worker import dispatch, queues
from worker.errors import BadInputError
from worker.phrases import counted
from worker.queues import jobs
from worker.queues.admin import drop_failed
from worker.queues.contents import MOST_SEARCHED, Listed, count_listed, listed
from worker.supervisor import logs

bp = Blueprint("jobs", __name__)
PAGE = 50
_MOST_LINES = 200
_STATES = {
    "failed": (State.FAILED, State.QUARANTINED),
    "waiting": (State.WAITING,),
    "cancelled": (State.CANCELLED,),
}
_LONGEST_REASON = 2_000
_VERBS = {"retry": "Retry", "drop": "Forget", "clear": "Delete"}
_LISTS_OF = {
    "retry": (Listed.FAILED,),
    "drop": (Listed.FAILED,),
    "clear": (Listed.WAITING, Listed.LATER),
}
"""The lists whose jobs an action is for."""


@bp.get("/jobs/<job_id>")
def page(job_id: str) -> str | Response:
    """A job: its items, arguments, attempts, log and result. Also as JSON."""
    found = _sheet(job_id)
    log = logs.of_job(found.id, most=_MOST_LINES)
    if is_json_wanted():
        return jsonify(version=1, job=found.as_json(), log=[each.as_json() for each in log])
    return render_template("job.html", job=found, log=log)


@bp.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Cancel a job that waits or runs."""
    try:
        jobs.cancel(job_id)
    except BadInputError as error:
        abort(409, str(error))
    return redirect(url_for("jobs.page", job_id=job_id), 303)


@bp.post("/jobs/<job_id>/retry")
def retry(job_id: str) -> Response:
    """Enqueue a failed or stopped job again."""
    if not jobs.retry(_sheet(job_id).queue, among=[job_id]).done:
        abort(409, "This job is no failed one, or no queue takes it any more.")
    return redirect(url_for("jobs.page", job_id=job_id), 303)


def _sheet(job_id: str) -> jobs.JobSheet:
    try:
        return jobs.sheet(job_id)
    except BadInputError as error:
        abort(404, str(error))


@bp.get("/queues/<name>")
def of_queue(name: str) -> str | Response:
    """The jobs of a queue in one state, or those that a search finds there. Also as JSON."""
    which, wanted = _asked(name)
    if wanted:
        found = jobs.find(name, which, wanted)
        shown = paging(len(found), PAGE)
        found = found[shown.first : shown.first + PAGE]
    else:
        shown = paging(count_listed(name, which), PAGE)
        found = listed(name, which, shown.first, PAGE)
    counts = {each: count_listed(name, each) for each in Listed}
    if is_json_wanted():
        rows = [each._asdict() for each in found]
        return jsonify(version=1, queue=name, state=which, total=shown.total, jobs=rows)
    return render_template(
        "jobs.html",
        name=name,
        which=which,
        counts=counts,
        jobs=found,
        page=shown,
        wanted=wanted,
        now=time.time(),
        most_searched=MOST_SEARCHED,
    )


@bp.post("/queues/<name>")
def several(name: str) -> Response | str:
    """Retry or forget failed jobs, or delete those that wait; once their number is confirmed.

    All of them, those that a search finds, or those that are selected.
    """
    which, wanted = _asked(name)
    action, _, selected = request.form.get("action", "").partition("-")
    if which not in _LISTS_OF.get(action, ()):
        abort(400, "Failed jobs are retried or dropped, and waiting ones cleared; nothing else.")
    ids = request.form.getlist("id") if selected else None
    if ids is None and wanted and action != "clear":
        ids = [each.id for each in jobs.find(name, which, wanted)]
    if "confirmed" not in request.form:
        if action == "clear":
            count = queues.clear(name, dry_run=True).total()
        else:
            count = count_listed(name, which) if ids is None else len(ids)
        return _confirm(f"{_VERBS[action]} {counted(count, 'job')}", f"{name}: {which}", count)
    if action == "clear":
        queues.clear(name)
    elif action == "retry":
        jobs.retry(name, among=ids)
    else:
        drop_failed(name, ids)
    return redirect(url_for("jobs.of_queue", name=name, state=which), 303)


def _confirm(title: str, about: str, count: int) -> str:
    fields = list(request.form.items(multi=True))
    return render_template("confirm.html", title=title, about=about, count=count, fields=fields)


def _asked(name: str) -> tuple[Listed, str]:
    """Which list of this queue is meant, and what is looked for there."""
    try:
        queues.required(name)
        return Listed(request.args.get("state", Listed.WAITING.value)), text("q")
    except (BadInputError, ValueError) as error:
        abort(404, str(error))


class Group(NamedTuple):
    """Needs of one kind that are in one state for one reason."""

    need: ledger.Need
    reason: str
    entities: int


@bp.get("/needs")
def needs() -> str | Response:
    """What failed, waits or was cancelled in the ledger, by reason; the entities of one reason."""
    state, found = _needs_asked()
    groups = [Group(need, *each) for need in found for each in ledger.reasons(need, _STATES[state])]
    reason = request.args.get("reason")
    if reason is not None:
        groups = [each for each in groups if each.reason == reason]
    ids = ledger.for_reason(found[0], _STATES[state], reason) if len(found) == 1 else []
    shown = paging(len(ids), PAGE)
    of_page = ids[shown.first : shown.first + PAGE]
    names = jobs.entity_names(found[0].entity_type, of_page) if of_page else {}
    if is_json_wanted():
        rows = [
            {"kind": need.kind, "entity_type": need.entity_type, "reason": why, "count": count}
            for need, why, count in groups
        ]
        items = [{"id": each, "name": names.get(each)} for each in of_page]
        return jsonify(version=1, state=state, groups=rows, total=len(ids), entities=items)
    return render_template(
        "needs.html",
        state=state,
        states=_STATES,
        groups=groups,
        items=[(found[0].entity_type, each, names.get(each, f"{each} (gone)")) for each in of_page],
        page=shown,
        reason=reason,
    )


@bp.post("/needs")
def several_needs() -> Response | str:
    """Ask again for the needs of a kind that are in a state for a reason, or cancel them."""
    state, found = _needs_asked()
    action, reason = request.form.get("action", ""), request.args.get("reason")
    if action not in {"retry", "cancel"}:
        abort(400, "Needs are retried or cancelled; nothing else.")
    meant = [(need, ledger.for_reason(need, _STATES[state], reason)) for need in found]
    if "confirmed" not in request.form:
        count = sum(len(ids) for _, ids in meant)
        verb = "Retry" if action == "retry" else "Cancel"
        about = reason[:_LONGEST_REASON] if reason else state
        return _confirm(f"{verb} {counted(count, 'item')}", about, count)
    for need, ids in meant:
        if action == "cancel":
            ledger.cancel(need, ids)
        else:
            _ask_for(need, ids)
    return redirect(url_for("jobs.needs", state=state), 303)


def _ask_for(need: ledger.Need, ids: Sequence[int]) -> None:
    """Have the ledger ask for these entities, and enqueue their jobs."""
    with transaction():
        ledger.need(need.kind, need.entity_type, ids)
    dispatch.enqueue_need(need, ids)


def _needs_asked() -> tuple[str, list[ledger.Need]]:
    """The state and the needs that the request names; all needs when it names none."""
    state = request.args.get("state", "failed")
    kind, entity_type = request.args.get("kind"), request.args.get("type")
    found = [
        each
        for each in ledger.NEEDS
        if kind in {None, each.kind.value} and entity_type in {None, each.entity_type.value}
    ]
    if state not in _STATES or not found:
        abort(404, "There are no such needs: name a kind, a type and a state that there are.")
    return state, found
