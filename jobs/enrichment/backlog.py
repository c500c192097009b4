"""What is enriched next: the newest of each kind, so that what was added goes before the rest.

A little at a time is put in the queue. So what comes into the library waits for no backlog, and
nothing but the providers' own limits says how much is done in a day.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from db import enrichment, ledger
from db.ledger import Need
from db.models import Kind
from db.settings import providers
from db.sql.connection import transaction
from worker.dispatch import HeldJob, enqueue, enqueue_need, held_jobs

ENRICH = "metadata.enrich_batch"
PICK = "worker_deferred_enrichment.process_enrichment_batch"
AT_ONCE = 40
"""Of each kind, that one turn puts in the queue."""
_MOST_HELD = 24
"""Jobs that wait, for their turn or for a provider, beyond which no more are put in the queue."""
_FEW_HELD = 4
"""Jobs: with no more than these, one for each of some workers, the next ones are picked."""
_NEEDS = [need for need in ledger.NEEDS if need.kind is Kind.ENRICHMENT]


def pick() -> dict[str, int]:
    """Enqueue what comes next; how many of each kind. Nothing while no provider is on."""
    if not providers.any_with_facts():
        return {}
    jobs = list(held_jobs(ENRICH))
    if len(jobs) > _MOST_HELD:
        return {}
    held = _held(jobs)
    enqueued: Counter[str] = Counter()
    for need in _NEEDS:
        ids = enrichment.to_do(need.entity_type, AT_ONCE, held[need.argument])
        _ask(need, ids)
        enqueue_need(need, ids)
        enqueued[f"{need.entity_type}s"] += len(ids)
    return {kind: count for kind, count in enqueued.items() if count}


def is_any_due() -> bool:
    """Whether there is something to enrich, and a provider of facts is on."""
    return providers.any_with_facts() and any(
        enrichment.to_do(need.entity_type, 1, ()) for need in _NEEDS
    )


def go_on() -> None:
    """Have the next ones picked at once, when few are left in the queue."""
    if sum(1 for _ in held_jobs(ENRICH)) <= _FEW_HELD and not any(held_jobs(PICK)):
        enqueue(PICK)


def _ask(need: Need, ids: list[int]) -> None:
    """Write the needs of those that have no row in the ledger."""
    with transaction():
        ledger.need(need.kind, need.entity_type, ledger.without_row(need, ids))


def _held(jobs: Iterable[HeldJob]) -> dict[str, set[int]]:
    """What waits in the queue, by argument."""
    held: dict[str, set[int]] = defaultdict(set)
    for job in jobs:
        for argument, ids in job.arguments.items():
            held[argument].update(ids if isinstance(ids, list) else ())
    return held
