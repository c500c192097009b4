"""What is shown until a picture is there: its dominant colour, and a ThumbHash of it.

ThumbHash is by Evan Wallace, https://evanw.github.io/thumbhash/ (MIT licence); what is written here
is its encoder for opaque pictures, which thumbnails are. The cosine transform is done along rows
and then along columns, which gives the same sums at a tenth of the price. Imports Pillow: only the
bounded child loads this module.
"""

import base64
import math
from collections.abc import Sequence
from functools import lru_cache
from operator import mul
from typing import NamedTuple

from PIL import Image

SIDE = 24
"""Pixels of the longer side of what a hash is made of: seven for each of its shortest waves."""
_MOST_LUMINANCE = 7
_GROUPS = 64


class Placeholder(NamedTuple):
    """What is shown until a picture is there."""

    colour: str
    """The dominant colour, "#rrggbb"."""
    hash: str
    """A ThumbHash, in base64."""


class _Channel(NamedTuple):
    """One channel of a picture as waves."""

    constant: float
    varying: list[float]
    """The factors of the waves, 0 to 1, by rising frequency, down and then across."""
    scale: float
    """What 0 and 1 there stand for: -scale and +scale."""


def placeholder(picture: Image.Image) -> Placeholder:
    """The placeholder of a small RGB picture."""
    width, height = picture.size
    times = max(width, height, SIDE) / SIDE
    size = max(1, round(width / times)), max(1, round(height / times))
    tiny = picture.resize(size, Image.Resampling.BOX)
    encoded = base64.b64encode(thumb_hash(tiny.width, tiny.height, tiny.tobytes()))
    return Placeholder(dominant_colour(tiny), encoded.decode("ascii"))


def dominant_colour(picture: Image.Image) -> str:
    """The mean of the largest of the groups of like colours in a picture."""
    few = picture.quantize(_GROUPS, Image.Quantize.FASTOCTREE)
    index = max(enumerate(few.histogram()), key=lambda each: each[1])[0]
    palette = few.getpalette() or []
    return "#" + bytes(palette[3 * index : 3 * index + 3]).hex()


def thumb_hash(width: int, height: int, rgb: bytes) -> bytes:
    """The ThumbHash of an opaque picture of 8-bit RGB pixels, row by row."""
    longer = max(width, height)
    across = max(1, _rounded(_MOST_LUMINANCE * width / longer))
    down = max(1, _rounded(_MOST_LUMINANCE * height / longer))
    red, green, blue = rgb[0::3], rgb[1::3], rgb[2::3]
    pixels = list(zip(red, green, blue, strict=True))
    luminance = _encoded(
        [(r + g + b) / 765 for r, g, b in pixels], width, max(3, across), max(3, down)
    )
    yellow_blue = _encoded([((r + g) / 2 - b) / 255 for r, g, b in pixels], width, 3, 3)
    red_green = _encoded([(r - g) / 255 for r, g, _ in pixels], width, 3, 3)
    landscape = width > height
    header = (
        _rounded(63 * luminance.constant)
        | _rounded(31.5 + 31.5 * yellow_blue.constant) << 6
        | _rounded(31.5 + 31.5 * red_green.constant) << 12
        | _rounded(31 * luminance.scale) << 18
        | (down if landscape else across) << 24
        | _rounded(63 * yellow_blue.scale) << 27
        | _rounded(63 * red_green.scale) << 33
        | landscape << 39
    )
    varying = luminance.varying + yellow_blue.varying + red_green.varying
    return header.to_bytes(5, "little") + _nibbles(varying)


def _encoded(values: Sequence[float], width: int, across: int, down: int) -> _Channel:
    """The waves of a channel, up to so many half periods across and down."""
    height = len(values) // width
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    factors: list[float] = []
    columns = [[sum(map(mul, row, wave)) for row in rows] for wave in _waves(across, width)]
    for y, wave in enumerate(_waves(down, height)):
        for x, column in enumerate(columns):
            if x * down < across * (down - y):
                factors.append(sum(map(mul, column, wave)) / len(values))
    constant, *varying = factors
    scale = max(map(abs, varying))
    if scale:
        varying = [0.5 + 0.5 / scale * factor for factor in varying]
    return _Channel(constant, varying, scale)


@lru_cache(2 * SIDE)
def _waves(count: int, length: int) -> list[list[float]]:
    """The cosines of 0, 1, 2 … half periods over so many pixels."""
    return [
        [math.cos(math.pi / length * number * (place + 0.5)) for place in range(length)]
        for number in range(count)
    ]


def _nibbles(values: Sequence[float]) -> bytes:
    """Values of 0 to 1 in four bits each, the first of two in the lower ones."""
    fours = [_rounded(15 * value) for value in values]
    fours += [0] * (len(fours) % 2)
    return bytes(low | high << 4 for low, high in zip(fours[0::2], fours[1::2], strict=True))


def _rounded(value: float) -> int:
    """The nearest integer, halves up, for values from 0."""
    return math.floor(value + 0.5)
