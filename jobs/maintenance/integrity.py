"""Whether the tables and the picture store agree; repairs what is safe to repair.

Files are read in full and compared with their names, which are digests: all of a small store, of a
large one some of its 256 shards each time, one after the other, some two thousand pictures.
Pictures that came in before placeholders were made get theirs, a few at a time.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import redis

from db import ledger, settings
from db.artwork import image_files, images
from db.maintenance import database_integrity, removal
from db.maintenance.maintenance_runs import RunResult
from db.scanning import scans
from db.similarity import clusters
from db.sql.connection import transaction
from db.sql.queries import slices
from jobs.pictures import store
from jobs.pictures.stored_images import decode_images
from worker.dispatch import connection

AT_ONCE = 2_000
"""Pictures that are read each time, about: some seconds; of more, a shard at least."""
_SHARDS = 256
_TURN = settings.redis_key("fleet:integrity:shard")
"""A key of Redis: the number of the shard whose turn it is. When it is lost the first begins."""
_PIECE = 1024 * 1024


def validate(done: RunResult) -> None:
    """Check everything, repair, and report. Raises OSError when the store cannot be read."""
    _note_damage(done)
    done.changes.update(database_integrity.drop_orphans())
    _drop_empty(done)
    _need_never_asked(done)
    done.changes["sums of the ledger counted wrongly"] = ledger.count_again()
    done.changes["albums counted wrongly"] = database_integrity.count_present_again()
    _check_pictures(done)
    models = [model for kind in clusters.TYPES if (model := clusters.current_model(kind))]
    done.changes["clusters counted wrongly"] = sum(map(clusters.count_again, models))
    if wrong := database_integrity.vectors_of_wrong_dimension():
        done.notes.append(
            f"{wrong} vectors have another dimension than their model — "
            "`fleet enqueue vectorization.train` recomputes all"
        )


def _note_damage(done: RunResult) -> None:
    damage = database_integrity.damage()
    for fault in damage.pages:
        done.notes.append(
            f"the database is damaged: {fault} — stop the fleet, and restore a backup "
            "(see troubleshooting: Restoring a backup)"
        )
    for fault in damage.keys:
        done.notes.append(f"{fault} — a fault of musicfleet: please report it")


def _drop_empty(done: RunResult) -> None:
    """Albums, artists and genres of which no track is left."""
    if scans.all_unfinished():
        return  # their tracks may be about to come
    empty = database_integrity.unused_entities()
    gone = 0
    for ids in slices(empty.albums):
        with transaction():
            used = removal.used_names([], ids)
            gone += len(removal.drop_empty_albums(ids))
            removal.settle_names(used)
    done.changes["empty albums"] = gone
    for kind, ids in (("artists", empty.artists), ("genres", empty.genres)):
        for part in slices(ids):
            with transaction():
                removal.drop_unused_names(**{"artists": (), "genres": (), kind: part})
        done.changes[f"unused {kind}"] = len(ids)


def _need_never_asked(done: RunResult) -> None:
    """Add to the ledger what entities need and nobody asked for."""
    for need in ledger.NEEDS:
        ids = ledger.never_asked(need)
        for part in slices(ids):
            with transaction():
                ledger.need(need.kind, need.entity_type, part)
        if ids:
            done.changes[f"{need.entity_type} {need.kind} added to the ledger"] = len(ids)


def _check_pictures(done: RunResult) -> None:
    total = images.shard_sizes().total()
    if not total:
        return
    if not image_files.is_there():
        done.notes.append(
            f"{image_files.originals_dir()} is not there, with {total} pictures — mount its disk"
        )
        return
    lost: list[str] = []
    for shard in _shards(total):
        lost += _lost(shard, done)
    again = images.need_again(set(lost) - images.awaited(lost))
    done.changes["covers to be made again"] = again.covers
    done.changes["embedded pictures to be stored again"] = again.pictures
    done.changes["pictures that nothing uses"] = again.dropped


def _shards(total: int) -> Iterator[str]:
    """Those whose turn it is."""
    count = min(_SHARDS, max(1, _SHARDS * AT_ONCE // total))
    try:
        after = int(connection().incrby(_TURN, count))
    except redis.ResponseError:  # what is there is no number
        connection().set(_TURN, after := count)
    return (f"{number % _SHARDS:02x}" for number in range(after - count, after))


def _lost(shard: str, done: RunResult) -> list[str]:
    """The pictures of a shard whose file is not there, or holds something else and is deleted.

    An object store compares what it holds with what it was given itself.
    """
    lost = []
    if image_files.is_used():
        return sorted({*images.digests_in_shard(shard)} - image_files.originals_in(shard))
    for digest in images.digests_in_shard(shard):
        path = image_files.original(digest)
        found = _digest(path)
        if found == digest:
            continue
        if found is None:
            lost.append(digest)
        elif images.chosen_among([digest]):  # there may be no other copy
            done.notes.append(f"{path}, which you chose, is damaged — `fleet cover set` it again")
        else:
            path.unlink(missing_ok=True)
            lost.append(digest)
            done.changes["damaged pictures"] = done.changes.get("damaged pictures", 0) + 1
    return lost


def _digest(path: Path) -> str | None:
    """The SHA-256 of a file in hex; None when it is not there."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


MOST_PLACEHOLDERS = 500
"""Pictures that one run processes: some ten seconds of work."""
_PLACEHOLDERS_AT_ONCE = 50


def make_placeholders() -> int:
    """Decode again some pictures without placeholder; how many are complete now.

    A picture that is not in the store is left to `fleet doctor`. One that fails to decode this time
    keeps what is known of it, for something shows it. Raises StoreError.
    """
    completed = 0
    for part in slices(images.incomplete(MOST_PLACEHOLDERS), _PLACEHOLDERS_AT_ONCE):
        there = [digest for digest in part if store.holds(store.original(digest))]
        found = [image for image in decode_images(there) if image.fault is None]
        with transaction():
            images.record(found)
        completed += len(found)
    return completed
