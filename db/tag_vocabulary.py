"""The words that the tags of the library use: how many tracks use each, and which are new.

Of the tracks that are there and that a model can be trained on, those that were heard or could not
be: what another track says tells a training nothing yet.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from db import tag_words
from db.connection import is_sqlite, transaction
from db.models import EntityType, Kind, State, TagWord, database
from db.rows import tuples
from db.slices import slices
from db.vectors import ModelVersion

_SIGNATURE_DIGITS = 16
_GENRE = "genre:"

_PRESENT = """
    WITH present AS (
        SELECT id, moods, COALESCE(NULLIF(original_date, ''), date) AS year
        FROM tracks WHERE missing_since IS NULL AND (
            EXISTS (SELECT 1 FROM audio_features WHERE track_id = tracks.id)
            OR id IN (
                SELECT entity_id FROM ledger
                WHERE kind = {mark} AND entity_type = {mark} AND state IN ({mark}, {mark})
            )
        )
    )
"""
_FAILED = (Kind.ANALYSIS.value, EntityType.TRACK.value, State.FAILED.value, State.QUARANTINED.value)
_TRACKS = "SELECT '', COUNT(*) FROM present"
_GENRES = """
    SELECT genres.name, COUNT(*) FROM present
    JOIN track_genres ON track_genres.track_id = present.id
    JOIN genres ON genres.id = track_genres.genre_id GROUP BY genres.name
"""
_DATES = "SELECT year, COUNT(*) FROM present WHERE year IS NOT NULL GROUP BY year"
_MOODS = {
    "sqlite": """
        SELECT mood.value, COUNT(*) FROM present, json_each(present.moods) AS mood
        WHERE present.moods <> '[]' GROUP BY 1
    """,
    "postgresql": """
        SELECT mood.value, COUNT(*) FROM present,
        json_array_elements_text(present.moods::json) AS mood(value) GROUP BY 1
    """,
}
_SOUNDS = {
    "sqlite": """
        SELECT json_extract(tag.value, '$[0]'), COUNT(*) FROM present
        JOIN audio_features ON audio_features.track_id = present.id,
        json_each(audio_features.synthetic_tags) AS tag GROUP BY 1
    """,
    "postgresql": """
        SELECT tag.value ->> 0, COUNT(*) FROM present
        JOIN audio_features ON audio_features.track_id = present.id,
        json_array_elements(audio_features.synthetic_tags::json) AS tag(value) GROUP BY 1
    """,
}


class Vocabulary(NamedTuple):
    """The words, and of what library."""

    tracks: int
    """How many are there that a model can be trained on."""
    words: Mapping[str, int]
    """How many tracks use each word; one that spells it in two ways counts twice."""

    @property
    def signature(self) -> str:
        """Names the set of words, whatever their order and counts: sixteen hexadecimal digits."""
        text = "\n".join(sorted(self.words))
        return hashlib.sha256(text.encode()).hexdigest()[:_SIGNATURE_DIGITS]


class NewWord(NamedTuple):
    """A word that a model does not know."""

    word: str
    first_seen: datetime

    @property
    def is_genre(self) -> bool:
        """Whether it is a genre's."""
        return self.word.startswith(_GENRE)

    @property
    def name(self) -> str:
        """Without what kind of word it is."""
        return self.word.partition(":")[2]


def vocabulary() -> Vocabulary:
    """The words as the tags have them now.

    The database counts each spelling; only the few distinct ones come here to be made words.
    """
    kind = "sqlite" if is_sqlite() else "postgresql"
    found: Counter[str] = Counter()
    spellings: tuple[tuple[str, Callable[[str], Iterable[str]]], ...] = (
        (_GENRES, lambda text: tag_words.said("genre", text)),
        (_MOODS[kind], lambda text: tag_words.said("mood", text)),
        (_DATES, tag_words.decade),
        (_SOUNDS[kind], tag_words.sound),
    )
    with database.atomic():
        tracks = next(count for _, count in _rows(_TRACKS))
        for query, words in spellings:
            for text, count in _rows(query):
                for word in set(words(text)):
                    found[word] += count
    return Vocabulary(tracks, dict(found))


def notice(seen: Vocabulary, at: datetime, *, forget_absent: bool = False) -> None:
    """Remember these words, and of new ones that they were first seen at this time.

    A word that went is kept, so that it is not new when it comes back, as with a disk that was
    away; `forget_absent` forgets it, for a model that is trained now does not know it.
    """
    rows = [
        {"word": word, "first_seen": at, "tracks": count}
        for word, count in sorted(seen.words.items())
    ]
    with transaction():
        TagWord.update(tracks=0).execute()
        for part in slices(rows):
            TagWord.insert_many(part).on_conflict(
                conflict_target=[TagWord.word], preserve=[TagWord.tracks]
            ).execute()
        if forget_absent:
            TagWord.delete().where(TagWord.tracks == 0).execute()


def new_since(model: ModelVersion) -> list[NewWord]:
    """The words in use that this model was trained without, the oldest first.

    Those that were first seen after its training had begun, as of the last `notice`.
    """
    query = (
        TagWord.select(TagWord.word, TagWord.first_seen)
        .where(TagWord.first_seen > model.trained_at, TagWord.tracks > 0)
        .order_by(TagWord.first_seen, TagWord.word)
    )
    return [NewWord._make(row) for row in tuples(query)]


def _rows(query: str) -> Iterator[tuple[str, int]]:
    """The rows of a query over `present`."""
    mark = "?" if is_sqlite() else "%s"
    text = _PRESENT.format(mark=mark) + query
    yield from database.execute_sql(text, _FAILED).fetchall()
