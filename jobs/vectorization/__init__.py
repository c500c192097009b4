"""Vectorization: computes the vector of each track from its audio features and its tags.

The vector of an album or artist is the mean of those of its tracks. All vectors come from one
model, which is trained on the library itself; `db.similarity.vectors` keeps both.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from zipfile import BadZipFile

from redis.exceptions import LockError
from redis.lock import Lock

from db import ledger
from db.ledger import NO_MODEL, Attempt, Cause, Obstacle, Settled
from db.library import tracks
from db.models import EntityType, Kind, State
from db.similarity import vector_inputs, vectors
from db.similarity.vectors import ModelVersion
from db.sql.connection import transaction
from db.sql.queries import slices
from jobs.entities import check_exists
from jobs.errors import HeldUpError
from worker.dispatch import current_attempt, enqueue, job, lock_of

_LOCK_SECONDS = 120
"""After what time without a sign of progress a training counts as dead."""
_WITHOUT_MODEL, _DAMAGED = Obstacle(Cause.NO_MODEL), Obstacle(Cause.MODEL_DAMAGED)
NOTHING_KNOWN = (
    "it has no audio features, and its tags name no genre, mood or year that others have"
)
NO_MEMBERS = "none of its tracks has a vector"


@job
def batch(track_ids: list[int]) -> None:
    """Compute the vectors of those of these tracks whose vector is to do in the ledger.

    Without a model the needs wait, and the first training computes all vectors. Raises
    WrongDimensionError, and HeldUpError when the model cannot be read.
    """
    attempt = ledger.lease(Kind.VECTOR, EntityType.TRACK, track_ids, current_attempt())
    leased, model = attempt.leased, vectors.current_model()
    if not leased or model is None:
        _settle(attempt, None, dict.fromkeys(leased))
        return
    from jobs.vectorization.model import (  # noqa: PLC0415  # NumPy, in the child alone
        Model,
        track_vectors,
    )

    try:
        parameters = Model.unpacked(vectors.parameters(model.id))
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise HeldUpError(
            _DAMAGED,
            f"the parameters of model {model.id} cannot be read ({error}) — "
            "`fleet enqueue vectorization.train` makes another model",
        ) from error
    made = track_vectors(parameters, vector_inputs.inputs(leased))
    found = {track_id: made.get(track_id) for track_id in leased}
    _settle(attempt, model, found, NOTHING_KNOWN)


@job
def batch_albums(album_ids: list[int]) -> None:
    """The same as `batch`, for albums: the mean of their tracks' vectors."""
    _batch_means(EntityType.ALBUM, album_ids)


@job
def batch_artists(artist_ids: list[int]) -> None:
    """The same as `batch`, for artists: the mean of their tracks and of those on their albums."""
    _batch_means(EntityType.ARTIST, artist_ids)


@job
def calculate(track_id: int) -> None:
    """Compute the vector of one track, even if it has one. Raises NoSuchEntityError."""
    check_exists(EntityType.TRACK, track_id)
    with transaction():
        ledger.need(Kind.VECTOR, EntityType.TRACK, [track_id])
    batch([track_id])


@job
def train(reason: str = "asked for") -> int | None:
    """Train a model, compute all vectors by it, and put it in use; return its version.

    The model before it stays in use until all vectors are computed, and also when the job is ended
    before. The job waits for a training that is running. It returns None when too few tracks are
    analysed.
    """
    from jobs.vectorization.trainer import train as train_model  # noqa: PLC0415  # scikit-learn

    lock = lock_of("alone:vectorization.train", _LOCK_SECONDS)
    lock.acquire()
    try:
        version = train_model(reason, partway=lambda: _hold_on(lock))
    finally:
        with suppress(LockError):  # Redis was wiped
            lock.release()
    if version is not None:
        enqueue("gmm.refresh_stale_clusters")
    return version


@job
def rebuild() -> dict[str, int]:
    """Have all vectors recomputed by the model in use; return how many of each entity type."""
    again: dict[str, int] = {}
    for need in ledger.NEEDS:
        if need.kind is Kind.VECTOR:
            ids = ledger.with_state(need)
            for part in slices(ids):
                with transaction():
                    ledger.need(need.kind, need.entity_type, part)
            again[f"{need.entity_type}s to do again"] = len(ids)
    return again


@job
def search_similar(track_id: int, count: int = 10) -> list[dict[str, Any]]:
    """Return the nearest neighbours of a track, the most similar first.

    Each is an id and a similarity from -1 to 1. Raises NoVectorError.
    """
    from db.similarity.neighbours import similar  # noqa: PLC0415  # NumPy, in the child alone

    return [neighbour._asdict() for neighbour in similar(track_id, count)]


def _hold_on(lock: Lock) -> None:
    with suppress(LockError):  # Redis was wiped; what is written stays right
        lock.reacquire()


def _batch_means(entity_type: EntityType, entity_ids: list[int]) -> None:
    attempt = ledger.lease(Kind.VECTOR, entity_type, entity_ids, current_attempt())
    leased, model = attempt.leased, vectors.current_model()
    if not leased or model is None:
        _settle(attempt, None, dict.fromkeys(leased))
        return
    from jobs.vectorization.model import mean_vectors  # noqa: PLC0415  # NumPy, in the child alone

    made = mean_vectors(entity_type, model, leased)
    found = {entity_id: made.get(entity_id) for entity_id in leased}
    _settle(attempt, model, found, NO_MEMBERS)


def _settle(
    attempt: Attempt, model: ModelVersion | None, found: dict[int, bytes | None], reason: str = ""
) -> None:
    """Write the vectors that are still leased, and `reason` for entities that can have none.

    Without a model they wait for one. A model that was put in use in between has taken the leases,
    so that no other one writes.
    """
    entity_type = attempt.need.entity_type
    with attempt.settling() as mine:
        made = {each: numbers for each in mine if (numbers := found[each]) is not None}
        if model is not None:
            vectors.record_vectors(entity_type, model, made)
            vectors.forget(entity_type, sorted(mine - made.keys()))
            if entity_type is EntityType.TRACK:
                need_followers(sorted(mine))
        if model is None:
            attempt.settle(Settled.held_up(each, _WITHOUT_MODEL, NO_MODEL) for each in sorted(mine))
            return
        attempt.settle(
            Settled(each, State.DONE) if each in made else Settled(each, State.NONE, reason)
            for each in sorted(mine)
        )


def need_followers(track_ids: Sequence[int]) -> None:
    """Ask for the vectors of the albums and artists of these tracks. Call it in a transaction."""
    ledger.need(Kind.VECTOR, EntityType.ALBUM, tracks.albums_of(track_ids))
    ledger.need(Kind.VECTOR, EntityType.ARTIST, tracks.artists_of(track_ids))
