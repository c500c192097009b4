"""The words of the library's tags, such as `genre:jazz` and `decade:1970`.

How many tracks use each, which are new, and what has changed since a model was trained.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from peewee import Value, fn

from db.library.names import name_key, split_genres, split_moods
from db.models import (
    AudioFeatures,
    EntityType,
    Kind,
    Scan,
    State,
    TagCheck,
    TagWord,
    Track,
    database,
)
from db.similarity import vector_inputs
from db.similarity.vectors import ModelVersion
from db.sql.connection import is_sqlite, transaction
from db.sql.queries import slices, tuples

OF_LEVEL = frozenset(("loud", "quiet", "silent", "dynamic"))
"""Synthetic tags that describe the loudness of a copy and not its music: they are no words."""
_YEAR = re.compile(r"(1[89]\d|20\d)\d")


def tag_words(of: str, text: str) -> Iterator[str]:
    """The words of a genre or mood tag, however it is spelt; some write several in one."""
    split = split_genres if of == "genre" else split_moods
    for part in split(unicodedata.normalize("NFKC", text)):
        yield f"{of}:{name_key(part)}"


def decade_words(date: str | None) -> Iterator[str]:
    """The decade of a date, if it names a year."""
    if year := _YEAR.search(date or ""):
        yield f"decade:{year[1]}0"


def sound_words(tag: str) -> Iterator[str]:
    """The word of a synthetic tag, unless it is of loudness."""
    if tag not in OF_LEVEL:
        yield f"sound:{tag}"


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
        (_GENRES, lambda text: tag_words("genre", text)),
        (_MOODS[kind], lambda text: tag_words("mood", text)),
        (_DATES, decade_words),
        (_SOUNDS[kind], sound_words),
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


_CHECK_ID = 1


class TagChanges(NamedTuple):
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


def tag_changes(model: ModelVersion, seen: Vocabulary) -> TagChanges:
    """What has changed since this model was trained; `seen` was noticed."""
    tracks = vector_inputs.count()
    # Also tracks that were analysed late, and tracks that replaced others.
    new = max(tracks - model.tracks, _added_since(model))
    words = [] if seen.signature == model.vocabulary else new_since(model)
    return TagChanges(model, tracks, new, words)


class Check(NamedTuple):
    """A check of what has changed."""

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


_CHECK_COLUMNS = [getattr(TagCheck, name) for name in Check._fields]


def record_check(check: Check) -> None:
    """Keep this check, in place of the last one."""
    with transaction():
        TagCheck.insert(id=_CHECK_ID, **check._asdict()).on_conflict(
            conflict_target=[TagCheck.id], preserve=_CHECK_COLUMNS
        ).execute()


def last_check() -> Check | None:
    """The last check; None before the first."""
    query = TagCheck.select(*_CHECK_COLUMNS).where(TagCheck.id == _CHECK_ID)
    for row in tuples(query):
        check = Check._make(row)
        return check._replace(
            new_genres=[(word, at) for word, at in check.new_genres],
            new_tags=[(word, at) for word, at in check.new_tags],
        )
    return None


def has_changed_since(moment: datetime) -> bool:
    """Whether a track was analysed, or a scan changed something, after this time."""
    analysed = AudioFeatures.analysed_at >= moment
    changes = Scan.new + Scan.changed + Scan.moved + Scan.missing
    scanned = (Scan.finished_at.is_null() | (Scan.finished_at >= moment)) & (changes > 0)
    return AudioFeatures.select().where(analysed).exists() or Scan.select().where(scanned).exists()


def _added_since(model: ModelVersion) -> int:
    analysed = AudioFeatures.select(Value(1)).where(AudioFeatures.track == Track.id)
    query = Track.select().where(Track.added_at > model.trained_at, fn.EXISTS(analysed))
    return int(query.count())
