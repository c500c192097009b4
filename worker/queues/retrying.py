"""Trying failed jobs again."""

from datetime import UTC, datetime

from rq.job import JobStatus
from rq.utils import utcformat

from worker.queues.places import Place, required
from worker.queues.reading import Entry
from worker.queues.transfer import Change, Outcome, Transfer, terms
from worker.topology import Queue

_ENDED = {JobStatus.FAILED, JobStatus.STOPPED}


def retry(name: str, *, dry_run: bool = False) -> Outcome:
    """Put the failed jobs of a queue in the queues that take them today, as if never tried.

    Retries and the deaths of the processes that ran them are counted afresh. Jobs that no queue
    takes stay failed. A dry run only tells. Raises BadInputError for a queue that there is not.
    """
    required(name)
    return Transfer(
        name, {Place.FAILED: Place.WAITING}, lambda _: True, _afresh, _fault, persist=True
    ).run(dry_run=dry_run)


def _afresh(queue: Queue) -> Change:
    change = terms(queue)
    fields = {
        "status": JobStatus.QUEUED.value,
        "enqueued_at": utcformat(datetime.now(UTC)),
        "started_at": "",
        "ended_at": "",
    }
    return Change(change.set | fields, [*change.drop, "deaths", "exc_info", "number_of_retries"])


def _fault(entry: Entry) -> str:
    """Why a job of the failed ones is none: somebody else has put it to work meanwhile."""
    if entry.job is not None:
        status = entry.job.get_status(refresh=False)
        return "" if status in _ENDED else f"it is {status.value}, though listed as failed"
    return entry.fault
