"""ICC profiles: small pictures as 8-bit sRGB. Only the bounded child loads this module.

What a profile may be is in the ICC.1 specification: its header has the signature "acsp" at byte 36
and the colour space of its pixels at byte 16.
"""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 1024 * 1024
"""A larger profile is ignored. A screen's has some KiB, a printing press's up to 3 MiB."""
_HEADER_BYTES = 128
_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
"""Pillow's mode for the pixels of a profile of each colour space."""
_EXTREMES: dict[str, tuple[float | tuple[float, ...], float | tuple[float, ...]]] = {
    "RGB": ((255, 255, 255), (0, 0, 0)),
    "L": (255, 0),
    "CMYK": ((0, 0, 0, 0), (0, 0, 0, 255)),
    "LAB": ((255, 128, 128), (0, 128, 128)),
}
"""White and black in pixels of each mode."""
_LEAST_CONTRAST = 100
_TRANSFORMS_KEPT = 4
_FAULTS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture of mode RGB, L, CMYK or LAB as sRGB of mode RGB.

    A profile is ignored that is damaged, too large, not for such pixels, or in which white and
    black come out much the same. LAB needs none.
    """
    mode = _mode_of(profile, picture.mode)
    transform = mode and _transform(mode, profile)
    if not mode or not transform:
        return _without(picture)
    try:
        return _applied(transform, picture.convert(mode))
    except _FAULTS:
        return _without(picture)


def _mode_of(profile: bytes | None, mode: str) -> str | None:
    """The mode in which pixels of a mode can go through a profile; None when they cannot."""
    if mode == "LAB":
        return mode
    if not profile or not _HEADER_BYTES < len(profile) <= MAX_PROFILE_BYTES:
        return None
    wanted = _MODES.get(profile[16:20]) if profile[36:40] == b"acsp" else None
    return wanted if wanted == mode or (mode, wanted) == ("L", "RGB") else None


@lru_cache(_TRANSFORMS_KEPT)
def _transform(mode: str, profile: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """From pixels of a profile, or of the one LAB, to sRGB; None when the profile is no good."""
    try:
        source = ImageCms.createProfile("LAB") if mode == "LAB" else BytesIO(profile or b"")
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        white, black = (
            _applied(transform, Image.new(mode, (1, 1), colour)).convert("L").tobytes()[0]
            for colour in _EXTREMES[mode]
        )
    except _FAULTS:
        return None
    return transform if white - black >= _LEAST_CONTRAST else None


def _applied(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    return transform.apply(picture)


def _without(picture: Image.Image) -> Image.Image:
    """The picture in RGB as it comes; of LAB the lightness."""
    return (picture.getchannel("L") if picture.mode == "LAB" else picture).convert("RGB")
