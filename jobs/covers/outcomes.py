"""The outcome of a search for covers, and writing it."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from db.artwork import covers, images
from db.artwork.covers import CHOSEN, LOCAL, Chosen, Shown
from db.artwork.images import KnownImage
from db.ledger import Attempt, Settled
from db.models import EntityType, State
from db.scanning import problems
from db.scanning.problems import FileProblem, Stage
from db.settings.cover_orders import EXTERNAL
from jobs.covers.picture_search import JudgedCandidate, Search
from jobs.pictures.errors import Fault


class Outcome(NamedTuple):
    """What became of the search for what one entity shows.

    In a role in which nothing was chosen it shows nothing from disk from now on, unless the role
    is one of those `kept`.
    """

    settled: Settled
    chosen: tuple[Chosen, ...] = ()
    kept: Collection[str] | None = ()
    """Roles in which it keeps its cover; None for all."""
    lost: tuple[Shown, ...] = ()
    """What it showed from a provider and cannot be shown any more."""
    is_wanting: bool = False
    """Whether a provider on the web may have something better."""


def settled(search: Search, order: Sequence[str], nothing: str) -> Settled:
    """How the need for what is searched for ended; `nothing` is the reason when none is there."""
    local = tuple(entry for entry in order if entry != EXTERNAL)
    winner = search.winner
    refusals = "; ".join(search.refusals())
    if search.obstacle is not None:
        reason = refusals or search.obstacle.text
        return Settled.held_up(search.entity_id, search.obstacle, reason, local)
    if winner is None and search.unavailable and search.gone is not None:
        return Settled.held_up(search.entity_id, search.gone, refusals, local)
    if winner is None:
        state = State.FAILED if search.unavailable else State.NONE
        reason = refusals or nothing
        return Settled(search.entity_id, state, reason, local)
    return Settled(search.entity_id, State.DONE, _reason(search), _asked(winner, order, local))


def is_wanting(search: Search, order: Sequence[str]) -> bool:
    """Whether the order has `external` before whatever was found, and nothing of it was found."""
    if EXTERNAL not in order or search.unavailable or search.obstacle is not None:
        return False
    winner = search.winner
    if winner is None:
        return True
    candidate = winner.candidate
    if candidate.source == CHOSEN or candidate.source not in LOCAL:
        return False
    return winner.unfit is not None or candidate.rank > order.index(EXTERNAL)


def wanting(outcomes: Iterable[Outcome]) -> list[int]:
    """The entities for which a provider on the web is to be asked."""
    return [outcome.settled.entity_id for outcome in outcomes if outcome.is_wanting]


def lost(searches: Iterable[Search]) -> tuple[Shown, ...]:
    """What was shown from a provider, and cannot be shown any more."""
    return tuple(
        search.shown
        for search in searches
        if search.shown is not None
        and search.shown.source not in LOCAL
        and any(
            judgement.fault and search.is_shown(judgement.candidate)
            for judgement in search.judgements
        )
    )


def kept_roles(searches: Iterable[Search]) -> set[str]:
    """The roles in which what is shown stays: a candidate that may be good could not be had."""
    return {each.role for each in searches if each.unavailable or each.obstacle is not None}


def file_faults(searches: Iterable[Search]) -> dict[str, Fault]:
    """What is wrong with the picture files that were tried, by path.

    What is wrong with a track's own pictures its own job files; what the surroundings keep from
    being read waits for them.
    """
    return {
        judgement.candidate.path: judgement.fault
        for search in searches
        for judgement in search.judgements
        if judgement.fault
        and judgement.fault.obstacle is None
        and judgement.candidate.source == covers.FOLDER
    }


def write_covers(
    attempt: Attempt, outcomes: Sequence[Outcome], fresh: Collection[KnownImage]
) -> None:
    """Write what entities show, and settle their needs. Call it within `attempt.settling`."""
    images.record(list(fresh))
    show(attempt.need.entity_type, outcomes)
    attempt.settle(outcome.settled for outcome in outcomes)


def show(entity_type: EntityType, outcomes: Sequence[Outcome]) -> None:
    """Write what entities show from now on. The images have their rows already."""
    covers.replace_images(
        entity_type,
        [each for outcome in outcomes for each in outcome.chosen],
        [each for outcome in outcomes for each in outcome.lost],
        {
            outcome.settled.entity_id: {each.role for each in outcome.chosen} | set(outcome.kept)
            for outcome in outcomes
            if outcome.kept is not None
        },
    )


def write_problems(faults: Iterable[tuple[str, Fault]], sound: Collection[str]) -> None:
    """File what is wrong with pictures at these paths, and clear the problems of sound paths."""
    problems.clear(sorted(sound), Stage.COVER)
    problems.record(
        [
            FileProblem(path, Stage.COVER, fault.code, fault.message)
            for path, fault in sorted(faults)
        ]
    )


def _reason(search: Search) -> str | None:
    """Why what the user chose is not what is shown, where that is so."""
    faults = [
        judgement.fault for judgement in search.judgements if judgement.candidate.source == CHOSEN
    ]
    return next((str(fault) for fault in faults if fault), None)


def _asked(
    winner: JudgedCandidate, order: Sequence[str], local: tuple[str, ...]
) -> tuple[str, ...]:
    """Where the winner was looked for."""
    candidate = winner.candidate
    if candidate.source == CHOSEN:
        return (CHOSEN,)
    if candidate.source not in LOCAL:
        return (*local, EXTERNAL)
    return local if winner.unfit else tuple(order[: candidate.rank + 1])
