"""Decoding a picture to its thumbnail and placeholder.

Imports Pillow: only the bounded child loads this module.

A placeholder is shown until the picture is there: its dominant colour, and a ThumbHash of it.
ThumbHash is by Evan Wallace, https://evanw.github.io/thumbhash/ (MIT licence); what is written here
is its encoder for opaque pictures, which thumbnails are. The cosine transform is done along rows
and then along columns, which gives the same sums at a tenth of the price.
"""

import base64
import math
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from operator import add, mul, sub
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from db.artwork.image_files import THUMBNAIL_FORMAT
from db.ledger import cause_of
from db.sql.path_text import readable
from jobs.content import mime_of
from jobs.pictures.errors import Fault
from jobs.pictures.store import THUMBNAIL_SIZE
from jobs.records import ProblemCode

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
    total = list(map(add, map(add, red, green), blue))
    luminance = _channel(total, 765, (width, max(3, across), max(3, down)))
    difference = [every - 3 * each for every, each in zip(total, blue, strict=True)]
    yellow_blue = _channel(difference, 510, (width, 3, 3))
    red_green = _channel(list(map(sub, red, green)), 255, (width, 3, 3))
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


def _channel(values: Sequence[int], full: int, shape: tuple[int, int, int]) -> _Channel:
    """The waves of a channel whose values reach up to `full`.

    `shape`: the width of the picture, and up to how many half periods waves go across and down.
    """
    width, across, down = shape
    height = len(values) // width
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    columns = [[sum(map(mul, row, wave)) for row in rows] for wave in _waves(across, width)]
    constant, *varying = [
        sum(map(mul, column, wave)) / (full * len(values))
        for y, wave in enumerate(_waves(down, height))
        for x, column in enumerate(columns)
        if x * down < across * (down - y)
    ]
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


FORMATS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
}
"""The formats that are decoded, by Pillow's names, and their MIME types."""
_ANIMATED = {"GIF", "PNG", "WEBP", "AVIF"}
"""The formats whose further pictures are frames, not pages or other sizes."""
MAX_PIXELS = 64_000_000
_SIGNATURE_LENGTH = 32
_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets a picture of each EXIF orientation upright."""
_SIDEWAYS = {5, 6, 7, 8}
_RESIZABLE = {"RGB", "L", "CMYK", "LAB"}
"""The modes that a picture is made small in. Others become RGB or grey before."""
_DAMAGE = (OSError, ValueError, TypeError, RuntimeError, SyntaxError, EOFError)
"""What Pillow raises on damaged pictures. What else it may raise the bounded child reports."""
_TOO_LARGE = (Image.DecompressionBombWarning, Image.DecompressionBombError)


class Decoded(NamedTuple):
    """A picture that can be shown."""

    width: int
    """Pixels, as the picture is to be shown: after it was set upright."""
    height: int
    animated: bool
    thumbnail: bytes
    """Its first frame in THUMBNAIL_FORMAT, never larger than the picture."""
    placeholder: Placeholder


def decode(path: Path, size: int = THUMBNAIL_SIZE) -> Decoded | Fault:
    """Decode the picture in a file, whatever its name, and make its thumbnail.

    The thumbnail has at most `size` pixels on its longer side, in sRGB. Of an animation it is the
    first frame. Transparent parts become white; 16-bit, CMYK and palette pictures 8-bit RGB.
    Raises MemoryError, and OSError when the file does not open.
    """
    with path.open("rb") as file:
        mime = mime_of(file.read(_SIGNATURE_LENGTH), "")
        file.seek(0)
        if mime not in FORMATS.values():
            message = f"the format {mime} is not allowed, only {', '.join(FORMATS)}"
            return Fault(ProblemCode.BAD_PICTURE, message)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on what it could mend
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.MAX_IMAGE_PIXELS = MAX_PIXELS
            try:
                with Image.open(file, formats=tuple(FORMATS)) as image:
                    return _decoded(image, size)
            except _TOO_LARGE as error:
                return _too_large(error)
            except UnidentifiedImageError:
                return Fault(ProblemCode.BAD_PICTURE, f"the header of this {mime} is damaged")
            except _DAMAGE as error:
                if isinstance(error, OSError) and cause_of(error.errno) is not None:
                    raise  # the disk, and not the picture
                return Fault(ProblemCode.BAD_PICTURE, readable(str(error)) or type(error).__name__)


def fitted(width: int, height: int, size: int = THUMBNAIL_SIZE) -> tuple[int, int]:
    """Width and height of the thumbnail of a picture of this width and height."""
    longer = max(width, height)
    if longer <= size:
        return width, height
    return max(1, round(width * size / longer)), max(1, round(height * size / longer))


def _decoded(image: ImageFile.ImageFile, size: int) -> Decoded:
    width, height = image.size
    target = fitted(width, height, size)
    image.draft("RGB", target)  # JPEG's own scaler: decodes 1/2, 1/4 or 1/8 of the pixels
    _load(image)
    orientation = _orientation(image)
    small = _flat(image, target)
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    if orientation in _SIDEWAYS:
        width, height = height, width
    return Decoded(width, height, _is_animated(image), _thumbnail(small), placeholder(small))


def _too_large(error: Exception) -> Fault:
    """The fault in our words: Pillow names twice the limit, and only the pixels are of interest."""
    pixels = re.search(r"\d+", str(error))
    size = f"{int(pixels[0]):,} pixels" if pixels else "too many pixels"
    return Fault(ProblemCode.PICTURE_TOO_LARGE, f"{size}, above the limit of {MAX_PIXELS:,}")


def _load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels. Damage behind the last of them is no harm."""
    try:
        image.load()
    except _DAMAGE:
        decoded_whole = not image.tile and image.fp is not None
        if not decoded_whole or image.format == "TIFF":  # whose tiles go before they are decoded
            raise
        image.load()


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 where the EXIF data are damaged.

    A TIFF is set upright by Pillow, which takes the tag away.
    """
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # anything that is wrong there leaves the picture as it is
        return 1
    return value if value in _TURNS else 1


def _is_animated(image: ImageFile.ImageFile) -> bool:
    """Whether there is another frame. Looks for it in the file, so the pixels come before."""
    try:
        return image.format in _ANIMATED and bool(getattr(image, "is_animated", False))
    except (*_DAMAGE, *_TOO_LARGE):  # the frame that can be shown is there
        return False


def _flat(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in this size as 8-bit sRGB, transparent parts white."""
    if image.mode.startswith("I"):
        image = _eight_bit(image)
    elif image.has_transparency_data:
        return _to_srgb(_on_white(image, size), image)
    elif image.mode not in _RESIZABLE:
        image = image.convert("L" if image.mode in {"1", "F"} else "RGB")
    return _to_srgb(_resized(image, size), image)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _eight_bit(image: Image.Image) -> Image.Image:
    """A picture of 16-bit grey in 8 bits; `convert` alone would clip it to white."""
    grey = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    grey.info = image.info
    return grey


def _on_white(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    small = _resized(image.convert("RGBA"), size)
    white = Image.new("RGBA", size, "white")
    return Image.alpha_composite(white, small).convert("RGB")


def _to_srgb(small: Image.Image, image: Image.Image) -> Image.Image:
    """The small picture in sRGB by the profile that the whole one has, if it has one."""
    profile = image.info.get("icc_profile")
    if not profile and small.mode != "LAB":
        return small.convert("RGB")
    from jobs.pictures.profiles import to_srgb  # noqa: PLC0415  # most pictures have no profile

    return to_srgb(small, profile)


def _thumbnail(image: Image.Image) -> bytes:
    image.info.clear()  # a comment would be written along
    buffer = BytesIO()
    image.save(buffer, THUMBNAIL_FORMAT.encoder, quality=THUMBNAIL_FORMAT.quality)
    return buffer.getvalue()
