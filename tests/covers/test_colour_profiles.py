"""Thumbnails are sRGB, whatever colours the picture is made of."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow

from jobs.pictures.profiles import MAX_PROFILE_BYTES
from jobs.pictures.thumbnails import Decoded, decode
from tests.covers import icc

SWAPPED = icc.rgb_profile(red=icc.BLUE, blue=icc.RED)
"""Of a screen whose red is blue, and whose blue is red."""
RED, BLUE = (255, 0, 0), (0, 0, 255)

Shown = Callable[..., tuple[int, int, int]]


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """A function that returns the colour of the thumbnail of a picture with a profile."""

    def of(image: Pillow.Image, profile: bytes, format: str = "PNG") -> tuple[int, int, int]:
        path = tmp_path / "picture"
        image.save(path, format, icc_profile=profile)
        decoded = decode(path)
        assert isinstance(decoded, Decoded), decoded
        with Pillow.open(io.BytesIO(decoded.thumbnail)) as thumbnail:
            assert "icc_profile" not in thumbnail.info
            (red, green, blue) = thumbnail.getpixel((10, 10))
            return red, green, blue

    return of


def plain(mode: str, colour: object) -> Pillow.Image:
    return Pillow.new(mode, (400, 400), colour)


def near(colour: tuple[int, ...]) -> object:
    return pytest.approx(colour, abs=6)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_profile_decides_what_is_red(shown: Shown, format: str) -> None:
    assert shown(plain("RGB", RED), SWAPPED, format) == near(BLUE)
    assert shown(plain("RGB", RED), icc.rgb_profile(), format) == near(RED)


def test_colours_under_transparency_follow_the_profile_too(shown: Shown) -> None:
    assert shown(plain("RGBA", (*RED, 255)), SWAPPED) == near(BLUE)
    assert shown(plain("RGBA", (*RED, 0)), SWAPPED) == near((255, 255, 255))


def test_the_colours_of_a_palette_follow_the_profile_too(shown: Shown) -> None:
    assert shown(plain("RGB", RED).quantize(4), SWAPPED) == near(BLUE)


def test_the_inks_of_a_cmyk_picture_follow_its_profile(shown: Shown) -> None:
    profile = icc.black_ink_profile()
    assert shown(plain("CMYK", (255, 255, 255, 0)), profile, "JPEG") == near((255, 255, 255))
    assert shown(plain("CMYK", (0, 0, 0, 255)), profile, "JPEG") == near((0, 0, 0))


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_grey_follows_its_profile(shown: Shown, mode: str) -> None:
    middle = 128 * 257 if mode == "I;16" else 128
    assert shown(plain(mode, middle), icc.grey_profile(1.0)) == near((188, 188, 188))


def test_grey_with_a_profile_of_colours_stays_grey(shown: Shown) -> None:
    assert shown(plain("L", 128), SWAPPED) == near((128, 128, 128))


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        SWAPPED[:200],
        SWAPPED[:128] + bytes(len(SWAPPED) - 128),
        SWAPPED.replace(b"acsp", b"acsq"),
        icc.black_ink_profile(),
        icc.grey_profile(1.0),
        icc.rgb_profile((0, 0, 0), (0, 0, 0), (0, 0, 0)),
        SWAPPED + bytes(MAX_PROFILE_BYTES),
    ],
    ids=["text", "cut", "emptied", "unsigned", "inks", "grey", "black", "huge"],
)
def test_a_bad_profile_is_ignored(shown: Shown, profile: bytes) -> None:
    assert shown(plain("RGB", RED), profile, "JPEG") == near(RED)
