"""The kinds of work that entities need, and the jobs that do them."""

from collections.abc import Container
from datetime import timedelta
from typing import NamedTuple

from db.models import EntityType, Kind


class Need(NamedTuple):
    """A kind of work on a type of entity, and the job (with its argument) that settles it."""

    kind: Kind
    entity_type: EntityType
    job: str
    argument: str
    everyone: bool = True
    """Whether every entity of the type needs it."""
    look_again: timedelta | None = None
    """After what time something that was not there is looked for again; None: when asked anew."""
    swept: bool = True
    """Whether the sweep rings for what is to do; else a job of its own does, in its own order."""


NEEDS = (
    Need(Kind.PICTURE, EntityType.TRACK, "covers.extract_embedded", "track_ids", everyone=False),
    Need(Kind.COVER, EntityType.TRACK, "covers.process_track_covers_batch", "track_ids"),
    Need(
        Kind.COVER,
        EntityType.ALBUM,
        "covers.process_album_covers",
        "album_ids",
        look_again=timedelta(days=30),
    ),
    Need(
        Kind.PICTURE,
        EntityType.ARTIST,
        "covers.extract_artist_images",
        "artist_ids",
        everyone=False,
    ),
    Need(
        Kind.COVER,
        EntityType.ARTIST,
        "covers.process_artist_images_batch",
        "artist_ids",
        look_again=timedelta(days=30),
    ),
    Need(
        Kind.REMOTE,
        EntityType.ALBUM,
        "covers.fetch_album_covers",
        "album_ids",
        everyone=False,
        look_again=timedelta(days=30),
    ),
    Need(
        Kind.REMOTE,
        EntityType.ARTIST,
        "covers.fetch_artist_images",
        "artist_ids",
        everyone=False,
        look_again=timedelta(days=30),
    ),
    Need(Kind.ANALYSIS, EntityType.TRACK, "audio_analysis.analyze_batch", "track_ids"),
    Need(Kind.VECTOR, EntityType.TRACK, "vectorization.batch", "track_ids", everyone=False),
    Need(Kind.VECTOR, EntityType.ALBUM, "vectorization.batch_albums", "album_ids", everyone=False),
    Need(
        Kind.VECTOR,
        EntityType.ARTIST,
        "vectorization.batch_artists",
        "artist_ids",
        everyone=False,
    ),
    *(
        Need(
            Kind.ENRICHMENT,
            entity_type,
            "metadata.enrich_batch",
            f"{entity_type}_ids",
            everyone=False,
            look_again=timedelta(days=30),
            swept=False,
        )
        for entity_type in (EntityType.ALBUM, EntityType.TRACK, EntityType.ARTIST)
    ),
)
"""In the order in which they are best worked on."""


UNHURRIED = frozenset((Kind.REMOTE, Kind.ANALYSIS, Kind.VECTOR, Kind.ENRICHMENT))
"""Kinds of work that take hours in a large library, so that nobody waits for them after a scan."""


def need_of(job: str, arguments: Container[str]) -> Need | None:
    """The need that this job settles when it has these arguments, if it settles one."""
    return next((each for each in NEEDS if each.job == job and each.argument in arguments), None)
