"""Decoding a picture to its thumbnail. Imports Pillow: only the bounded child loads this module."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from jobs.covers.faults import Fault
from jobs.covers.store import THUMBNAIL_SIZE
from jobs.metadata.pictures import mime_of
from jobs.records import ProblemCode

FORMATS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
}
"""The formats that are decoded, by Pillow's names, and their MIME types."""
MAX_PIXELS = 64_000_000
JPEG_QUALITY = 80
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
_DAMAGE = (OSError, ValueError, TypeError, RuntimeError, SyntaxError, EOFError)
"""What Pillow raises on damaged pictures. What else it may raise the bounded child reports."""
_TOO_LARGE = (Image.DecompressionBombWarning, Image.DecompressionBombError)


class Decoded(NamedTuple):
    """A picture that can be shown."""

    width: int
    """Pixels, as the picture is to be shown: after it was set upright."""
    height: int
    thumbnail: bytes
    """A JPEG of at most THUMBNAIL_SIZE pixels on its longer side, never larger than the picture."""


def decode(path: Path) -> Decoded | Fault:
    """Decode the picture in a file, whatever its name, and make its thumbnail.

    Of an animation it is the first frame. Transparent parts become white; 16-bit, CMYK and
    palette pictures 8-bit RGB. Raises MemoryError, and OSError when the file does not open.
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
                    return _decoded(image)
            except _TOO_LARGE as error:
                return Fault(ProblemCode.PICTURE_TOO_LARGE, str(error))
            except UnidentifiedImageError:
                return Fault(ProblemCode.BAD_PICTURE, f"the header of this {mime} is damaged")
            except _DAMAGE as error:
                return Fault(ProblemCode.BAD_PICTURE, str(error) or type(error).__name__)


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size of the thumbnail of a picture of this size."""
    longer = max(width, height)
    if longer <= THUMBNAIL_SIZE:
        return width, height
    return (
        max(1, round(width * THUMBNAIL_SIZE / longer)),
        max(1, round(height * THUMBNAIL_SIZE / longer)),
    )


def _decoded(image: ImageFile.ImageFile) -> Decoded:
    width, height = image.size
    target = fitted(width, height)
    image.draft("RGB", target)  # JPEG's own scaler: decodes 1/2, 1/4 or 1/8 of the pixels
    _load(image)
    orientation = _orientation(image)
    small = _flat(image, target)
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    if orientation in _SIDEWAYS:
        width, height = height, width
    return Decoded(width, height, _jpeg(small))


def _load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels. Damage behind the last of them is no harm."""
    try:
        image.load()
    except _DAMAGE:
        decoded_whole = not image.tile and image.fp is not None
        if not decoded_whole:
            raise
        image.load()


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 where the EXIF data are damaged."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # anything that is wrong there leaves the picture as it is
        return 1
    return value if value in _TURNS else 1


def _flat(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in this size as 8-bit RGB, transparent parts white."""
    if image.has_transparency_data:
        small = image.convert("RGBA").resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        white = Image.new("RGBA", size, "white")
        return Image.alpha_composite(white, small).convert("RGB")
    if image.mode.startswith("I"):  # 16-bit grey; `convert` alone would clip it to white
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    elif image.mode not in {"RGB", "L"}:
        image = image.convert("RGB")
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0).convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    image.info.clear()  # a comment would be written along
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
