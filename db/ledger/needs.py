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
    lease_seconds: int = 1800
    """Longer than the job may take."""


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
    Need(
        Kind.ANALYSIS,
        EntityType.TRACK,
        "audio_analysis.analyze_batch",
        "track_ids",
        lease_seconds=3600,
    ),
    *(
        Need(Kind.VECTOR, entity_type, job, argument, everyone=False, lease_seconds=7 * 3600)
        for entity_type, job, argument in (
            (EntityType.TRACK, "vectorization.batch", "track_ids"),
            (EntityType.ALBUM, "vectorization.batch_albums", "album_ids"),
            (EntityType.ARTIST, "vectorization.batch_artists", "artist_ids"),
        )
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
_BY_KIND = {(each.kind, each.entity_type): each for each in NEEDS}

UNHURRIED = frozenset((Kind.REMOTE, Kind.ANALYSIS, Kind.VECTOR, Kind.ENRICHMENT))
"""Kinds of work that take hours in a large library, so that nobody waits for them after a scan."""


def need_for(kind: Kind, entity_type: EntityType) -> Need:
    """The need of that kind of work on that type of entity. Raises KeyError."""
    return _BY_KIND[kind, entity_type]


def need_of(job: str, arguments: Container[str]) -> Need | None:
    """The need that this job settles when it has these arguments, if it settles one."""
    return next((each for each in NEEDS if each.job == job and each.argument in arguments), None)
