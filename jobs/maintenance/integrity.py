"""Whether the tables and the picture store agree; what is safe to mend is mended.

Files are read in full and compared with their names, which are digests: all of a small store, of a
large one some of its 256 shards each time, one after the other, some two thousand pictures.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from db import albums, clusters, image_files, images, ledger, named, orphans, scans, soundness
from db.connection import transaction
from db.maintenance_runs import Done
from db.slices import slices
from worker.dispatch import connection

AT_ONCE = 2_000
"""Pictures that are read each time, about: some seconds; of more, a shard at least."""
_SHARDS = 256
_TURN = "fleet:integrity:shard"
"""A key of Redis: the number of the shard whose turn it is. When it is lost the first begins."""
_PIECE = 1024 * 1024


def validate(done: Done) -> None:
    """Look at everything, mend, and tell. Raises OSError when the store cannot be read."""
    _tell_damage(done)
    done.changes.update(orphans.drop())
    _drop_empty(done)
    _ask_for_never_asked(done)
    _look_at_pictures(done)
    models = [model for kind in clusters.TYPES if (model := clusters.current_model(kind))]
    done.changes["clusters counted wrongly"] = sum(map(clusters.count_again, models))
    if wrong := orphans.of_wrong_dimension():
        done.notes.append(
            f"{wrong} vectors have another dimension than their model — "
            "`fleet enqueue vectorization.train` recomputes all"
        )


def _tell_damage(done: Done) -> None:
    for fault in soundness.damage():
        done.notes.append(
            f"the database is damaged: {fault} — stop the fleet, and restore a backup "
            "(see troubleshooting: Restoring a backup)"
        )
    for fault in soundness.broken_keys():
        done.notes.append(f"{fault} — a fault of musicfleet: please report it")


def _drop_empty(done: Done) -> None:
    """Albums, artists and genres of which no track is left."""
    if scans.all_unfinished():
        return  # their tracks may be about to come
    empty = orphans.empty()
    gone = 0
    for ids in slices(empty.albums):
        with transaction():
            gone += len(albums.drop_empty(ids))
    done.changes["empty albums"] = gone
    for kind, ids in (("artists", empty.artists), ("genres", empty.genres)):
        for part in slices(ids):
            with transaction():
                named.drop_unused(
                    named.Used(**{"artists": set(), "genres": set(), kind: set(part)})
                )
        done.changes[f"unused {kind}"] = len(ids)


def _ask_for_never_asked(done: Done) -> None:
    """Have done what every entity needs and nobody asked for."""
    for need in ledger.NEEDS:
        ids = ledger.never_asked(need)
        for part in slices(ids):
            with transaction():
                ledger.need(need.kind, need.entity_type, part)
        if ids:
            done.changes[f"{need.entity_type} {need.kind} added to the ledger"] = len(ids)


def _look_at_pictures(done: Done) -> None:
    total = images.shard_sizes().total()
    if not total:
        return
    if not image_files.originals_dir().is_dir():
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
    after = int(connection().incrby(_TURN, count))
    return (f"{number % _SHARDS:02x}" for number in range(after - count, after))


def _lost(shard: str, done: Done) -> list[str]:
    """The pictures of a shard whose file is not there, or holds something else and is deleted."""
    lost = []
    for digest in images.in_shard(shard):
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
