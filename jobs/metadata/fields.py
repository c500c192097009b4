"""From the values as written to the fields of `jobs.tags.Tags` and `jobs.records.AudioProperties`.

Audio properties are made plausible: what cannot be true is unknown, what follows is filled in.
"""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from db.library.names import name_key, split_credit, split_genres
from db.models import Guesses, Source
from jobs.metadata import text
from jobs.metadata.contents import Lyric, RawTags
from jobs.metadata.text import Guessed
from jobs.records import AudioProperties, LyricsText
from jobs.tags import CUE_PARTS, CUE_SHEET, Kind, Tags, kinds

_OF_PARTS = {CUE_SHEET, CUE_PARTS}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def tags_of(raw: RawTags) -> Tags:
    """The record of raw tags. What cannot be understood is left out, never guessed."""
    fields: dict[str, Any] = {}
    for name, values in raw.items():
        if name not in _OF_PARTS:
            fields[name] = _FIELDS[name](values)
    track, disc = text.position(raw.get("track", [])), text.position(raw.get("disc", []))
    fields["track"] = track.number
    fields["disc"] = text.disc_of(disc.disc or disc.number, track)
    for name, total in (("track_total", track.total), ("disc_total", disc.total)):
        fields[name] = fields.get(name) or total
    for of in ("artist", "album_artist"):
        _name_artists(fields, of)
    return Tags(**fields)


def guesses_of(raw: RawTags) -> Guesses:
    """The fields whose texts are in a character set that was guessed."""
    return {
        _LISTED.get(name, name): Source.CHARSET
        for name, values in raw.items()
        if name not in _OF_PARTS and any(type(each) is Guessed for each in values)
    }


_LISTED = {"artist_credit": "artists", "album_artist_credit": "album_artists"}


def _name_artists(fields: dict[str, Any], of: str) -> None:
    """Have the list of artists, and their credit only where it says more than the list.

    Without a list the credit is one; as many ids as it joins names take it apart.
    """
    names, credit = f"{of}s", fields.pop(f"{of}_credit", [])
    listed = fields.get(names) or credit
    if len(listed) == 1:
        listed = split_credit(listed[0], len(fields.get(f"musicbrainz_{of}_ids", [])))
    fields[names] = listed
    fields[f"{of}_credit"] = credit[0] if len(credit) == 1 and credit != listed else None


_MOST_LYRICS = 4
_NO_LANGUAGE = {"xxx", "und", "   ", ""}


def lyrics_of(raw: RawTags) -> list[LyricsText]:
    """The lyrics in the tags."""
    found = []
    for value in raw.get("has_lyrics", [])[:_MOST_LYRICS]:
        kept, is_synced = text.lyrics(value)
        if kept:
            language = value.language.lower() if isinstance(value, Lyric) else ""
            known = None if language in _NO_LANGUAGE else text.cleaned(language)
            found.append(LyricsText("tags", known, is_synced, kept))
    return found


def _total(values: list[str]) -> int | None:
    return text.position(values).number


def _number(values: list[str]) -> float | None:
    return text.number(text.first(values) or "")


def _beats(values: list[str]) -> float | None:
    beats = _number(values)
    return beats if beats and 0 < beats < 10_000 else None


def _peak(values: list[str]) -> float | None:
    peak = _number(values)
    return peak if peak is not None and 0 <= peak < 1_000 else None


def _gain(values: list[str]) -> float | None:
    gain = _number(values)
    return gain if gain is not None and -200 < gain < 200 else None


def _genres(values: list[str]) -> list[str]:
    found: dict[str, str] = {}
    for value in text.names(values):
        for genre in split_genres(value):
            found.setdefault(name_key(genre), genre)
    return list(found.values())


def _any_text(values: list[str]) -> bool:
    return text.first(values) is not None


def _ids(values: list[str]) -> list[str]:
    return text.several(found.lower() for value in values for found in _UUID.findall(value))


def _id(values: list[str]) -> str | None:
    return next(iter(_ids(values)), None)


_CONVERTERS: dict[Kind, Callable[[list[str]], Any]] = {
    Kind.TEXT: text.first,
    Kind.TEXTS: text.several,
    Kind.NAMES: text.names,
    Kind.GENRES: _genres,
    Kind.POSITION: text.position,
    Kind.TOTAL: _total,
    Kind.CREDIT: text.names,
    Kind.DATE: text.date,
    Kind.BEATS: _beats,
    Kind.GAIN: _gain,
    Kind.PEAK: _peak,
    Kind.FLAG: text.flag,
    Kind.ID: _id,
    Kind.IDS: _ids,
    Kind.ANY_TEXT: _any_text,
}
_FIELDS = {name: _CONVERTERS[kind] for name, kind in kinds().items()}


_LOWEST_BIT_RATE = 1
_HIGHEST_BIT_RATE = 100_000_000
_MAX_NUMBER = 2**31 - 1


def plausible(audio: AudioProperties, sound_size: int) -> AudioProperties:
    """The properties of a file with `sound_size` bytes beside its pictures, the absurd ones None.

    A bit rate that the format does not state is the file's average. A duration is absurd that would
    mean less than 1 bit or more than 100 Mbit a second. The lower bound is so low because an hour
    of silence is 13 KB of FLAC (29 bit/s), and because a file that was cut off keeps the length
    that its header states, as every player shows it. Formats without such a header (WAV) are
    measured by the bytes that are there.
    """
    duration = _duration(audio.duration, sound_size)
    average = round(sound_size * 8 / duration) if duration else None
    return replace(
        audio,
        duration=duration,
        bit_rate=_positive(audio.bit_rate) or average,
        sample_rate=_positive(audio.sample_rate),
        bit_depth=_positive(audio.bit_depth),
        channels=_positive(audio.channels),
    )


def _duration(seconds: float | None, sound_size: int) -> float | None:
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        return None
    bit_rate = sound_size * 8 / seconds
    return seconds if _LOWEST_BIT_RATE <= bit_rate <= _HIGHEST_BIT_RATE else None


def _positive(value: int | None) -> int | None:
    return value if value and 0 < value <= _MAX_NUMBER else None
