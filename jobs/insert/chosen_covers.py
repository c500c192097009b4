"""What the user chose for an album follows its tracks when they become another album."""

from collections import Counter
from collections.abc import Iterable, Mapping

from db.artwork import chosen_images
from db.library import tracks
from db.models import EntityType


def members_with_choice(album_ids: Iterable[int]) -> dict[int, list[int]]:
    """The tracks of those of the albums for which the user chose a picture."""
    return tracks.in_albums(sorted(chosen_images.with_choice(EntityType.ALBUM, sorted(album_ids))))


def follow_members(members: Mapping[int, list[int]]) -> None:
    """Give the choices for albums that have no track left to the album that most went to.

    `members` are the tracks that each had. Call it before the empty albums are dropped.
    """
    still = tracks.in_albums(sorted(members))
    heirs = {
        album_id: Counter(tracks.albums_by_track(track_ids).values())
        for album_id, track_ids in members.items()
        if album_id not in still
    }
    chosen_images.follow_entities(EntityType.ALBUM, heirs)
