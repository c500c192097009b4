"""Enrichment in the background: enqueues the next entities, counts, and retries failures."""

from typing import Any

from db import enrichment, ledger
from db.enrichment import facts
from db.maintenance.maintenance_runs import recorded_run
from db.models import Kind, State
from db.sql.connection import transaction
from jobs.enrichment import backlog
from worker.dispatch import job, only_when

_GIVEN_UP = (State.FAILED, State.WAITING, State.QUARANTINED)


@job
@only_when(backlog.is_any_due)
def process_enrichment_batch() -> dict[str, int]:
    """Enqueue the entities to enrich next, the newest first; return how many of each kind.

    Entities without a row in the ledger get one. Does nothing while no provider of facts is turned
    on.
    """
    with recorded_run(backlog.PICK, only_changes=True) as done:
        picked = backlog.pick()
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
        backlog.go_on()
    return again
