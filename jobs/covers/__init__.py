"""Covers from what is on disk: embedded pictures, and picture files beside the music.

Each job does what the ledger says is needed and nothing else, writes its results in one transaction
together with how the needs ended, and does not depend on another job having run before.
"""

from db import covers, ledger, problems
from db.connection import transaction
from db.models import EntityType, Kind
from jobs.covers import store
from jobs.covers.album_covers import search, sound_paths
from jobs.covers.faults import STAGE
from jobs.covers.gathering import gather
from jobs.covers.leases import lease
from jobs.covers.outcomes import write_covers, write_problems
from jobs.covers.track_covers import (
    choose,
    kept,
    settle_pictures,
    sizes_of,
    write_track_problems,
)
from worker.dispatch import current_attempt, job


@job
def extract_embedded(track_ids: list[int]) -> None:
    """Store the embedded pictures of these tracks, each with a 300 pixel thumbnail.

    One file is opened for each distinct picture that is not in the store yet, whichever present
    track carries it. Raises StoreError when the store cannot be written.
    """
    holder = current_attempt()
    leased = lease(Kind.PICTURE, EntityType.TRACK, track_ids, holder)
    pictures = covers.pictures_in(leased)
    gathered = gather(sizes_of(pictures), look_again=True)
    with transaction():
        mine = ledger.still_leased(Kind.PICTURE, EntityType.TRACK, leased, holder)
        covers.record_images(list(gathered.fresh))
        write_track_problems(covers.tracks(sorted(mine)), pictures, gathered)
        settled = [
            settle_pictures(track_id, pictures.get(track_id, ()), gathered)
            for track_id in sorted(mine)
        ]
        ledger.settle(Kind.PICTURE, EntityType.TRACK, settled, holder)
    store.drop_leftovers()


@job
def process_track_covers_batch(track_ids: list[int]) -> None:
    """Choose for each of these tracks its own front among its embedded pictures.

    A track without one shows nothing. One whose file is missing goes on to show what it showed.
    Raises StoreError when the store cannot be written.
    """
    holder = current_attempt()
    leased = lease(Kind.COVER, EntityType.TRACK, track_ids, holder)
    tracks = covers.tracks(leased)
    present = [track for track in tracks if not track.missing]
    pictures = covers.pictures_in([track.id for track in present])
    gathered = gather(sizes_of(pictures))
    covered = covers.covered(EntityType.TRACK, leased)
    outcomes = {
        track.id: kept(track, track.id in covered)
        if track.missing
        else choose(track, pictures.get(track.id, ()), gathered)
        for track in tracks
    }
    with transaction():
        mine = ledger.still_leased(Kind.COVER, EntityType.TRACK, leased, holder)
        chosen = [outcomes[track_id] for track_id in sorted(mine & outcomes.keys())]
        write_covers(EntityType.TRACK, chosen, gathered.fresh, holder)
        mine_present = [track for track in present if track.id in mine]
        write_track_problems(mine_present, pictures, gathered)


@job
def process_album_covers(album_ids: list[int]) -> None:
    """Choose for each of these albums its cover, from the picture files beside it and its tracks.

    The order is `sources.ALBUM_SOURCES`. A candidate that cannot be shown loses to the next, and
    its problem is filed. Raises StoreError when the store cannot be written.
    """
    holder = current_attempt()
    leased = lease(Kind.COVER, EntityType.ALBUM, album_ids, holder)
    found = search(leased)
    with transaction():
        mine = ledger.still_leased(Kind.COVER, EntityType.ALBUM, leased, holder)
        searches = [each for each in found.searches if each.album_id in mine]
        outcomes = [each.outcome for each in searches if each.outcome]
        write_covers(EntityType.ALBUM, outcomes, found.fresh.values(), holder)
        write_problems(
            [fault for each in searches for fault in each.faults.items()],
            sound_paths(searches, problems.known_files("/", STAGE)),
        )
