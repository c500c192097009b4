"""What the API answers of the fleet: problems, work, queues, scans and jobs, and what it begins."""

from datetime import datetime
from typing import Any

import click

from db import ledger
from db.models import Scan
from db.scanning import problems, scans
from db.sql.path_text import shown
from web.api import refuse
from web.api.description import (
    AFTER,
    ID,
    LIMIT,
    PAGE,
    Parameter,
    body_of,
    operation,
    page_of,
    text,
)
from web.api.library import moment
from web.api.schemas import TEXT, items_of, list_of, maybe, object_of, pages_of, refer
from worker import dispatch
from worker.cli import enqueue as command
from worker.errors import BadInputError, UnknownJobError
from worker.maintenance import roots
from worker.queues import jobs
from worker.status import overview
from worker.topology import call_faults

Row = dict[str, Any]
_TAG = {"tag": "Fleet"}


@operation("GET", "/problems", pages_of("Problem"), parameters=PAGE, **_TAG)
def problem_list(after: int, limit: int) -> Row:
    """The files that could not be used, and why, by id."""
    rows = [
        {
            **{"id": each.id, "path": shown(each.path), "stage": each.stage, "code": each.code},
            **{"message": each.message, "first_seen": moment(each.first_seen)},
            **{"last_seen": moment(each.last_seen)},
        }
        for each in problems.problems_after(after, limit)
    ]
    return page_of(rows, limit)


_WORK = object_of(work=list_of(refer("Work")), waiting=list_of(refer("Waiting")))
_COUNTED = ("kind", "entity_type", "done", "none", "failed", "waiting", "to_do", "cancelled")


@operation("GET", "/work", _WORK, **_TAG)
def work() -> Row:
    """How far each kind of work has come, and what keeps work from being done."""
    waiting = [each.as_json() for each in ledger.waiting()]
    return {
        "work": [
            {name: getattr(each, name) for name in (*_COUNTED, "needed")}
            for each in overview.summed_work()
        ],
        "waiting": [
            each | {"look_again_at": moment(datetime.fromisoformat(each["look_again_at"]))}
            for each in waiting
        ],
    }


_OF_QUEUE = ("name", "waiting", "running", "failed", "later", "paused", "consumers")


@operation("GET", "/queues", items_of("Queue"), **_TAG)
def queues() -> Row:
    """The queues, in the order of queues.toml."""
    found = overview.queues()
    return {"items": [{name: getattr(each, name) for name in _OF_QUEUE} for each in found]}


_COUNTS = ("found", "new", "changed", "moved", "missing", "unchanged", "unreadable")


def _scan(scan: Scan) -> Row:
    return {
        **{"id": scan.id, "root": shown(scan.root), "started_at": moment(scan.started_at)},
        **{"finished_at": moment(scan.finished_at), "fault": scan.fault},
        **{name: getattr(scan, name) for name in _COUNTS},
    }


@operation("GET", "/scans", pages_of("Scan"), parameters=[AFTER, LIMIT], **_TAG)
def scan_list(after: int, limit: int) -> Row:
    """The scans, the newest first."""
    return page_of([_scan(each) for each in scans.latest(limit, after or None)], limit)


@operation("GET", "/scans/{id}", refer("Scan"), parameters=[ID], **_TAG)
def scan(id: int) -> Row:  # as the path has it
    """A scan."""
    return _scan(scans.get(id) or refuse(404, f"There is no scan {id}."))


_ROOT = body_of(["root"], root=text(4096))


@operation("POST", "/scans", refer("Scan"), body=_ROOT, status=202, **_TAG)
def begin_scan(root: str) -> Row:
    """Scan a folder again that was scanned before, unless a scan of it is running.

    The answer is the scan that runs then.
    """
    known = {shown(each): each for each in scans.roots()}
    if root not in known:
        refuse(404, f"No scan of {root} has finished: `fleet scan` takes in a folder.")
    running = scans.unfinished(known[root])
    scan_id = int(running.id) if running else roots.begin(known[root])
    return _scan(scans.get(scan_id) or refuse(404, f"There is no scan {scan_id}."))


_CALL = body_of(
    ["job"],
    job=text(200),
    arguments={"type": "object", "default": {}},
    again={"type": "boolean", "default": False},
)
_ENQUEUED = object_of(id=maybe(TEXT), queue=TEXT, remark=TEXT)


@operation("POST", "/jobs", _ENQUEUED, body=_CALL, status=202, **_TAG)
def enqueue(job: str, arguments: Row, again: bool) -> Row:
    """Enqueue a job that queues.toml routes, as `fleet enqueue` does.

    Of entities whose work is settled nothing is enqueued, and `id` is null, except with `again`.
    """
    try:
        queue = dispatch.topology().route(job)
        if faults := call_faults(job, arguments):
            refuse(409, "; ".join(each.reason for each in faults))
        prepared = command.prepare(job, arguments, again=again, dry_run=False)
    except UnknownJobError as error:
        refuse(404, str(error))
    except (BadInputError, click.UsageError) as error:
        refuse(409, error.format_message() if isinstance(error, click.UsageError) else str(error))
    job_id = dispatch.enqueue(job, **arguments) if prepared.is_needed else None
    return {"id": job_id, "queue": queue.name, "remark": " ".join(prepared.remarks)}


_JOB_ID = Parameter("job", text(200), "The id.", is_in_path=True)


@operation("GET", "/jobs/{job}", refer("Job"), parameters=[_JOB_ID], **_TAG)
def job_of_id(job: str) -> Row:
    """A job: where it stands, and what became of it, for as long as Redis has it."""
    try:
        found = jobs.sheet(job)
    except BadInputError as error:
        refuse(404, str(error))
    last = next((each.reason for each in found.attempts if each.reason), "")
    return {
        **{"id": found.id, "name": found.name, "queue": found.queue, "state": str(found.state)},
        **{"attempt": found.attempt, "enqueued": moment(found.enqueued)},
        **{"arguments": found.arguments, "result": found.result, "error": last},
    }
