"""Whose vectors follow from those of tracks, and from what changed of tracks."""

from collections.abc import Sequence

from db import ledger, tracks
from db.models import EntityType, Kind


def need_followers(track_ids: Sequence[int]) -> None:
    """Ask for the vectors of the albums and artists of these tracks. Call it in a transaction."""
    ledger.need(Kind.VECTOR, EntityType.ALBUM, tracks.albums_of(track_ids))
    ledger.need(Kind.VECTOR, EntityType.ARTIST, tracks.artists_of(track_ids))
