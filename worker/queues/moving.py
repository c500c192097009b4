"""Bringing stranded jobs to the queues that take them today."""

from worker.errors import BadInputError
from worker.queues.places import HELD, declared, required
from worker.queues.transfer import Outcome, Transfer, terms


def move(source: str, target: str, *, dry_run: bool = False) -> Outcome:
    """Put the jobs of `source` that have still to run, and are routed to `target`, in that queue.

    Jobs that are routed elsewhere, or nowhere, stay. They come behind those that `target` has, in
    their own order; scheduled ones keep their time. A dry run only tells. Raises BadInputError for
    a queue that there is not, or a target that queues.toml does not declare.
    """
    required(source)
    required(target, declared())
    if source == target:
        raise BadInputError(f"{source} is both queues — name the one that its jobs are to go to")
    return Transfer(
        source, {place: place for place in HELD}, lambda queue: queue.name == target, terms
    ).run(dry_run=dry_run)


def rescue(source: str, *, dry_run: bool = False) -> Outcome:
    """Put every job of `source` that has still to run in the queue that its name is routed to.

    For a queue that no program consumes any more; otherwise as `move`.
    """
    required(source)
    return Transfer(
        source, {place: place for place in HELD}, lambda queue: queue.name != source, terms
    ).run(dry_run=dry_run)
