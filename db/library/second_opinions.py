"""What others say of the tempo and key of tracks, beside ours: file tags, and other analysers.

What a tag says is a column of `tracks`; what another analyser says is a fact (`facts`) of the
fields `tempo` and `key`. Both are compared when they are shown. Keys are compared by their place on
the Camelot wheel, for there are many ways to write one.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from peewee import JOIN, ModelSelect, Value, fn

from db.models import AudioFeatures, EntityType, Fact, Track
from db.sql.queries import among, slices, tuples

TEMPO, KEY = "tempo", "key"
"""The fields of `facts` that other analysers' opinions are."""
TAGS = "tags"
"""The source of what the file says."""
_SAME_TEMPO = 0.04
"""How far apart two tempos may be that count as one: what Accuracy1 and 2 of MIREX allow."""
_FACTORS = ((2.0, "double"), (0.5, "half"), (3.0, "triple"), (1 / 3, "a third"))
_ROWS = 500

MINOR = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m")
"""The keys of the Camelot wheel from 1A to 12A."""
MAJOR = ("B", "F#", "C#", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E")
"""From 1B to 12B."""

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "H": 11}
_SHARP, _FLAT = frozenset(("#", "♯", "sharp", "is")), frozenset(("b", "♭", "flat", "es", "s"))
_NAMED = re.compile(
    r"(?P<letter>[A-H]) ?(?P<sign>[#♯♭]|b|flat|sharp|is|es|s)?[ -]*"
    r"(?P<mode>major|maj|dur|minor|min|moll|m)?",
    re.IGNORECASE,
)
_WHEEL = re.compile(r"0?(?P<number>1[0-2]|[1-9]) ?(?P<letter>[ABdm])", re.IGNORECASE)
_OPEN_KEY = {"D": "B", "M": "A"}
"""Of the Open Key wheel, whose 1 is the Camelot wheel's 8."""


def camelot_of(key: str | None) -> str | None:
    """The place on the Camelot wheel of a key as tags write it; None of what is no key.

    As a name (`F#m`, `Bb minor`, `Es-Dur`), as a place on the Camelot wheel (`8A`), or on that of
    Open Key (`1m`). A capital M is major.
    """
    text = " ".join((key or "").split())
    if found := _WHEEL.fullmatch(text):
        number, letter = int(found["number"]), found["letter"].upper()
        if letter in _OPEN_KEY:
            return f"{(number + 6) % 12 + 1}{_OPEN_KEY[letter]}"
        return f"{number}{letter}"
    if not (found := _NAMED.fullmatch(text)):
        return None
    sign, mode = (found["sign"] or "").lower(), found["mode"] or ""
    tonic = _LETTERS[found["letter"].upper()] + (sign in _SHARP) - (sign in _FLAT)
    is_minor = mode == "m" or mode.lower().startswith(("min", "mo"))
    return f"{(7 + 7 * (tonic + 3 * is_minor)) % 12 + 1}{'A' if is_minor else 'B'}"


class Opinion(NamedTuple):
    """What one source says of a track."""

    source: str
    """`tags`, or another analyser."""
    field: str
    """`tempo` or `key`."""
    value: float | str
    ours: float | str | None
    """What it is compared with: the tempo as the owner corrected it, else what was found."""
    difference: str
    """How it differs, such as `double`; empty where it agrees, or ours is not known."""


class Difference(NamedTuple):
    """A track of which another says something else."""

    track_id: int
    path: str
    title: str | None
    opinion: Opinion


_Row = tuple[int, str, str | None, float | None, str | None, float | None, str | None]
"""Id, path, title, the tempo and key of the tags, and ours."""


def opinions(track_id: int) -> list[Opinion]:
    """What others say of a track, its tags first."""
    query = _tracks().where(Track.id == track_id)
    return [opinion for _, opinion in _compared(list(tuples(query)))]


def differences(after: int, most: int) -> list[Difference]:
    """Where others differ from us: tracks after this id, by id, until there are so many.

    Of the last track there are all.
    """
    found: list[Difference] = []
    for row, opinion in _all_opinions(after):
        if len(found) >= most and row[0] != found[-1].track_id:
            break
        if opinion.difference:
            found.append(Difference(*row[:3], opinion))
    return found


def _all_opinions(after: int) -> Iterator[tuple[_Row, Opinion]]:
    """Of the present tracks after this id of which others say something."""
    fact = Fact.select(Value(1)).where(_OF_SOUND, Fact.entity_id == Track.id)
    said = Track.bpm.is_null(False) | Track.key.is_null(False) | fn.EXISTS(fact)
    while True:
        query = _tracks().where(Track.id > after, Track.missing_since.is_null(), said)
        rows = list(tuples(query.order_by(Track.id).limit(_ROWS)))
        yield from _compared(rows)
        if len(rows) < _ROWS:
            return
        after = rows[-1][0]


def _tracks() -> "ModelSelect[Any]":
    ours = fn.COALESCE(Track.own_bpm, AudioFeatures.bpm), AudioFeatures.camelot
    columns = (Track.id, Track.path, Track.title, Track.bpm, Track.key, *ours)
    return Track.select(*columns).join(AudioFeatures, JOIN.LEFT_OUTER)


_OF_SOUND = (Fact.entity_type == EntityType.TRACK) & Fact.field.in_((TEMPO, KEY))


def _compared(rows: Sequence[_Row]) -> Iterator[tuple[_Row, Opinion]]:
    said: dict[int, list[tuple[str, str, Any]]] = {}
    for ids in slices([row[0] for row in rows]):
        facts = Fact.select(Fact.entity_id, Fact.source, Fact.field, Fact.value)
        query = facts.where(_OF_SOUND, among(Fact.entity_id, ids)).order_by(Fact.source, Fact.field)
        for track_id, source, field, value in tuples(query):
            said.setdefault(track_id, []).append((source, field, value))
    for row in rows:
        track_id, _, _, bpm, key, our_bpm, our_key = row
        of_tags = [(TAGS, field, value) for field, value in ((TEMPO, bpm), (KEY, key)) if value]
        for source, field, value in (*of_tags, *said.get(track_id, ())):
            if field == TEMPO:
                differs = tempo_difference(our_bpm, value)
                yield row, Opinion(source, field, value, our_bpm, differs)
            else:
                yield row, Opinion(source, field, value, our_key, key_difference(our_key, value))


def tempo_difference(ours: float | None, theirs: float) -> str:
    """How a tempo differs from ours; empty where it does not, or ours is not known."""
    if not ours or _is_near(theirs, ours):
        return ""
    return next((name for factor, name in _FACTORS if _is_near(theirs, ours * factor)), "another")


def key_difference(ours: str | None, theirs: str) -> str:
    """The same of keys, by places on the Camelot wheel."""
    place = camelot_of(theirs)
    if not ours or place is None or place == ours:
        return ""
    if place[:-1] == ours[:-1]:
        return "relative"
    steps = (int(place[:-1]) - int(ours[:-1])) % 12
    if place[-1] == ours[-1]:
        return "a fifth away" if steps in {1, 11} else "another"
    # The major and minor of one tonic lie three steps apart.
    return "other mode" if steps == (3 if place[-1] == "B" else 9) else "another"


def _is_near(theirs: float, ours: float) -> bool:
    return abs(theirs / ours - 1) <= _SAME_TEMPO
