"""Entities of five similar groups: those whose ids have the same rest by five."""

import numpy as np

from db.library.spellings import ensure_genres
from db.maintenance import removal
from db.models import (
    Artist,
    AudioFeatures,
    EntityType,
    Track,
    TrackArtist,
    TrackGenre,
    VectorModel,
)
from db.similarity import vectors

_CENTRES = np.random.default_rng(7).normal(size=(5, 24))


def new_model() -> vectors.ModelVersion:
    """A vector model, the one in use from now on."""
    VectorModel.create(
        reason="a test", dimension=24, tracks=0, genres=0, vocabulary="", parameters=b""
    )
    model = vectors.current_model()
    assert model is not None
    return model


def hear(kind: EntityType, model: vectors.ModelVersion, first: int, count: int) -> None:
    """Vectors of entities from this id on."""
    ids = range(first, first + count)
    noise = np.random.default_rng(first).normal(scale=0.2, size=(count, 24))
    rows = _CENTRES[[each % 5 for each in ids]] + noise
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    made = dict(zip(ids, (row.astype("<f4").tobytes() for row in rows), strict=True))
    vectors.record_vectors(kind, model, made)


def add_tracks(count: int) -> None:
    """Tracks from the id 1 on, without vectors."""
    Track.insert_many(
        {
            "id": each,
            "path": f"/music/{each}.mp3",
            "folder": "/music",
            "group_folder": "/music",
            "title": f"Song\n{each}",
            "codec": "mp3",
            "container": "mp3",
            "size": 1,
            "mtime_ns": 1,
            "content_id": str(each),
            "duration": 61.4,
        }
        for each in range(1, count + 1)
    ).execute()


def add_artist(artist_id: int, name: str, track_id: int) -> None:
    """An artist, of this track."""
    Artist.create(id=artist_id, name=name)
    TrackArtist.create(track=track_id, position=0, artist=artist_id)


def say(track_id: int, *genres: str) -> None:
    """Have a track be of these genres and of no other."""
    used = removal.used_names([track_id], [])
    TrackGenre.delete().where(TrackGenre.track == track_id).execute()
    spelt = ensure_genres(genres)
    for position, genre in enumerate(genres):
        is_written = {"genre": spelt[genre].id, "spelling": spelt[genre].spelling}
        TrackGenre.create(track=track_id, position=position, **is_written)
    removal.settle_names(used)


def sound(track_id: int, *tags: str, bpm: float = 100, energy: float = 0.5) -> None:
    """Give a track these audio features."""
    AudioFeatures.create(
        track=track_id,
        extractor=1,
        content_id=str(track_id),
        decoder="soundfile",
        start=0,
        seconds=61.4,
        peak=1,
        dynamic_range=10,
        bpm=bpm,
        energy=energy,
        synthetic_tags=[[tag, "a test"] for tag in tags],
    )
