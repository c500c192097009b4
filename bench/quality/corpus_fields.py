"""How a field of a track record is held against what independent readers agree on."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

from jobs.records import TrackRecord

_SEPARATORS = re.compile(r"\s*[;/,|\0]\s*")
_DURATION_SHARE, _DURATION_SECONDS = 0.015, 0.1
_BIT_RATE_SHARE = 0.03


class Field(NamedTuple):
    """One row of the comparison."""

    truth: str
    """The field's name in truth.jsonl."""
    got: Callable[[TrackRecord], Any]
    same: Callable[[Any, Any], bool]
    """Whether the truth (first) and what was read (second) say the same."""
    required: bool = True
    """Whether the exit code depends on it."""


def _one_text(text: str) -> str:
    return _SEPARATORS.sub("/", unicodedata.normalize("NFC", text).strip())


def _joined(values: list[str]) -> str:
    return "/".join(map(_one_text, values))


def _same_list(truth: list[str], got: list[str]) -> bool:
    """Equal when joined, however the values were separated.

    Some readers show only the first of several values. Where it is those that agree, the truth is
    that one value, and reading all of them is right.
    """
    return _joined(truth) == _joined(got) or (
        len(truth) == 1 and _joined(truth) == _joined(got[:1])
    )


def _artists(track: TrackRecord) -> list[list[str]]:
    """The list of artists, and the credit where there is one beside it."""
    return _ways(track.tags.artists, track.tags.artist_credit)


def _album_artists(track: TrackRecord) -> list[list[str]]:
    return _ways(track.tags.album_artists, track.tags.album_artist_credit)


def _ways(listed: list[str], credit: str | None) -> list[list[str]]:
    return [each for each in (listed, [credit] if credit else []) if each]


def _same_credit(truth: list[str], got: list[list[str]]) -> bool:
    """Whether readers that show one of the two, list or credit, agree with that one."""
    return any(_same_list(truth, each) for each in got)


def _same_text(truth: list[str], got: str) -> bool:
    """Equal to all values joined, or to the first, which is the one that a record holds."""
    return _joined([got]) in (_joined(truth), _joined(truth[:1]))


def _same_date(truth: str, got: str) -> bool:
    """Equal as far as the truth is stated."""
    return got[: len(truth)] == truth


def _same_duration(truth: float, got: float) -> bool:
    return abs(truth - got) <= max(_DURATION_SHARE * truth, _DURATION_SECONDS)


def _same_bit_rate(truth: float, got: int) -> bool:
    """`truth` is in kbit/s, `got` in bit/s."""
    return abs(truth - got / 1000) <= _BIT_RATE_SHARE * truth


def _same_pictures(truth: list[dict[str, Any]], got: list[str]) -> bool:
    """The digests agree, whatever their order; readers skip repeated pictures."""
    return {picture["sha256"] for picture in truth} == set(got)


FIELDS = (
    Field("title", lambda track: track.tags.title, _same_text),
    Field("artist", _artists, _same_credit),
    Field("artists", lambda track: track.tags.artists, _same_list),
    Field("album", lambda track: track.tags.album, _same_text),
    Field("albumartist", _album_artists, _same_credit),
    Field("albumartists", lambda track: track.tags.album_artists, _same_list),
    Field("track", lambda track: track.tags.track, int.__eq__),
    Field("disc", lambda track: track.tags.disc, int.__eq__),
    Field("genre", lambda track: track.tags.genres, _same_list),
    Field("date", lambda track: track.tags.date, _same_date),
    Field("duration", lambda track: track.audio.duration, _same_duration),
    Field("rate", lambda track: track.audio.sample_rate, int.__eq__),
    Field("channels", lambda track: track.audio.channels, int.__eq__),
    Field("bitrate", lambda track: track.audio.bit_rate, _same_bit_rate, required=False),
    Field("tracktotal", lambda track: track.tags.track_total, int.__eq__, required=False),
    Field("disctotal", lambda track: track.tags.disc_total, int.__eq__, required=False),
    Field(
        "pictures",
        lambda track: [picture.digest for picture in track.pictures],
        _same_pictures,
        required=False,
    ),
)
