"""Enrichment in the background: enqueues the next entities, counts, and retries failures.

The newest of each kind are next, so that what was added goes before the rest, a little at a time.
So what comes into the library waits for no backlog, and nothing but the providers' own limits says
how much is done in a day.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from db import enrichment, ledger
from db.enrichment import facts
from db.ledger import Need
from db.maintenance.maintenance_runs import recorded_run
from db.models import Kind, State
from db.settings import provider_settings
from db.sql.connection import transaction
from worker.dispatch import HeldJob, enqueue, enqueue_need, held_jobs, job, only_when

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
    if not provider_settings.any_with_facts():
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
    return provider_settings.any_with_facts() and any(
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
    for held_job in jobs:
        for argument, ids in held_job.arguments.items():
            held[argument].update(ids if isinstance(ids, list) else ())
    return held


_GIVEN_UP = (State.FAILED, State.WAITING, State.QUARANTINED)


@job
@only_when(is_any_due)
def process_enrichment_batch() -> dict[str, int]:
    """Enqueue the entities to enrich next, the newest first; return how many of each kind.

    Entities without a row in the ledger get one. Does nothing while no provider of facts is turned
    on.
    """
    with recorded_run(PICK, only_changes=True) as done:
        picked = pick()
        done.changes.update({f"{kind} enqueued": count for kind, count in picked.items()})
    return picked


@job
def get_enrichment_stats() -> dict[str, Any]:
    """Count albums, tracks and artists by the state of their enrichment, and facts by source.

    Also records the counts as a run in `maintenance_runs`.

        {"album": {"done": 3, "none": 1, …, "never_asked": 2}, …,
         "sources": {"musicbrainz": {"album": 3}}}
    """
    with recorded_run("worker_deferred_enrichment.get_enrichment_stats") as done:
        stats: dict[str, Any] = {
            entity_type.value: {
                **{state.value: standing.states[state] for state in State},
                "never_asked": standing.never_asked,
            }
            for entity_type, standing in enrichment.enrichment_progress().items()
        }
        for kind, counts in stats.items():
            text = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
            done.notes.append(f"{kind}s: {text or 'none'}".replace("never_asked", "never asked"))
        stats["sources"] = {
            source: {entity_type.value: count for entity_type, count in counts.items()}
            for source, counts in facts.entities_by_source().items()
        }
    return stats


@job
def retry_failed_enrichments() -> int:
    """Reset all failed enrichments, whatever their dates, and enqueue the next; return how many."""
    again = 0
    with (
        recorded_run("worker_deferred_enrichment.retry_failed_enrichments") as done,
        transaction(),  # of all kinds, or of none: nobody asks for the rest of them
    ):
        for need in ledger.NEEDS:
            if need.kind is Kind.ENRICHMENT:
                failed = ledger.with_state(need, _GIVEN_UP)
                again += len(ledger.need(need.kind, need.entity_type, failed))
                done.changes[f"{need.entity_type}s to be done again"] = len(failed)
    if again:
        go_on()
    return again
