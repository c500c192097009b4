"""What has changed since a model was trained, and what the last look at it found."""

from datetime import datetime
from typing import NamedTuple

from peewee import Value, fn

from db import vector_inputs
from db.connection import transaction
from db.models import AudioFeatures, TagCheck, Track
from db.rows import tuples
from db.tag_vocabulary import NewWord, Vocabulary, new_since
from db.vectors import ModelVersion

_ONLY = 1


class Changes(NamedTuple):
    """What has changed since a model was trained."""

    model: ModelVersion
    tracks: int
    """How many there are that a model can be trained on."""
    new_tracks: int
    """How many of them came since."""
    new_words: list[NewWord]

    @property
    def grown(self) -> float:
        """By what share there are more tracks than then."""
        return self.tracks / max(1, self.model.tracks) - 1

    @property
    def new_genres(self) -> list[NewWord]:
        """The genres among the new words."""
        return [word for word in self.new_words if word.is_genre]


def changes(model: ModelVersion, seen: Vocabulary) -> Changes:
    """What has changed since this model was trained; `seen` was noticed."""
    tracks = vector_inputs.count()
    # Also what came late to be heard, and what took the place of tracks that went.
    new = max(tracks - model.tracks, _added_since(model))
    words = [] if seen.signature == model.vocabulary else new_since(model)
    return Changes(model, tracks, new, words)


class Check(NamedTuple):
    """A look at what has changed."""

    checked_at: datetime
    model_id: int | None
    signature: str
    tracks: int
    new_genres: list[tuple[str, str]]
    """Each word, and when it was first seen, in ISO 8601."""
    new_tags: list[tuple[str, str]]
    """The same of all words, genres included."""
    retrain: bool
    reason: str


_COLUMNS = [getattr(TagCheck, name) for name in Check._fields]


def record(check: Check) -> None:
    """Keep this look, in place of the last one."""
    with transaction():
        TagCheck.insert(id=_ONLY, **check._asdict()).on_conflict(
            conflict_target=[TagCheck.id], preserve=_COLUMNS
        ).execute()


def last() -> Check | None:
    """The last look; None before the first."""
    query = TagCheck.select(*_COLUMNS).where(TagCheck.id == _ONLY)
    for row in tuples(query):
        check = Check._make(row)
        return check._replace(
            new_genres=[(word, at) for word, at in check.new_genres],
            new_tags=[(word, at) for word, at in check.new_tags],
        )
    return None


def _added_since(model: ModelVersion) -> int:
    heard = AudioFeatures.select(Value(1)).where(AudioFeatures.track == Track.id)
    query = Track.select().where(Track.added_at > model.trained_at, fn.EXISTS(heard))
    return int(query.count())
