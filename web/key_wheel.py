"""The Camelot wheel as a drawing: every key, one's own, and those that mix with it."""

import math
from functools import cache
from typing import NamedTuple

from db import sounding

SIZE = 200
"""Width and height of the drawing."""
_PLACES = 12
_RINGS = {"A": (40.0, 68.0), "B": (70.0, 98.0)}
"""Inner and outer radius: minor keys lie inside."""
_MINOR = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m")
_MAJOR = ("B", "F#", "C#", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E")
_GAP = 0.012
"""Radians between segments, at each side."""


class Segment(NamedTuple):
    """A key on the wheel: the outline as an SVG path, and where its name is centred."""

    code: str
    key: str
    outline: str
    x: float
    y: float
    part: str
    """What it is to the wheel's key: here, fits, or nothing."""


class KeyWheel(NamedTuple):
    """The wheel of one key."""

    segments: list[Segment]
    fitting: list[Segment]
    """Those that mix with the key, without itself."""


def key_wheel(camelot: str) -> KeyWheel:
    """The wheel with this place marked."""
    segments = [_marked(each, camelot) for each in _blank()]
    return KeyWheel(segments, [each for each in segments if each.part == "fits"])


def _marked(segment: Segment, camelot: str) -> Segment:
    if segment.code == camelot:
        return segment._replace(part="here")
    fits = sounding.compatible(camelot, segment.code)
    return segment._replace(part="fits") if fits else segment


@cache
def _blank() -> list[Segment]:
    return [
        _segment(f"{place}{letter}", keys[place - 1], place, *_RINGS[letter])
        for letter, keys in (("A", _MINOR), ("B", _MAJOR))
        for place in range(1, _PLACES + 1)
    ]


def _segment(code: str, key: str, place: int, inner: float, outer: float) -> Segment:
    """As on a clock: twelve is at the top."""
    middle = 2 * math.pi * place / _PLACES
    half = math.pi / _PLACES - _GAP
    begin, end = middle - half, middle + half
    outline = (
        f"M{_at(inner, begin)}L{_at(outer, begin)}A{outer:g} {outer:g} 0 0 1 {_at(outer, end)}"
        f"L{_at(inner, end)}A{inner:g} {inner:g} 0 0 0 {_at(inner, begin)}Z"
    )
    x, y = _point((inner + outer) / 2, middle)
    return Segment(code, key, outline, round(x, 1), round(y, 1), "")


def _at(radius: float, angle: float) -> str:
    x, y = _point(radius, angle)
    return f"{x:.2f} {y:.2f}"


def _point(radius: float, angle: float) -> tuple[float, float]:
    return SIZE / 2 + radius * math.sin(angle), SIZE / 2 - radius * math.cos(angle)
