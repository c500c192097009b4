"""What a thumbnail looks like, and what pictures are refused."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from db.artwork.image_files import SIZES
from db.models import Image
from jobs.pictures.errors import Fault
from jobs.pictures.thumbnails import FORMATS, Decoded, decode
from jobs.records import ProblemCode
from tests.covers.bombs import zeros
from tests.covers.library import FRONT, Library, paint

Decode = Callable[[bytes], Decoded | Fault]

RED, BLUE, WHITE = (254, 0, 0), (0, 0, 254), (255, 255, 255)


@pytest.fixture
def decoded(tmp_path: Path) -> Callable[..., Decoded]:
    """A function that decodes a picture that can be shown."""

    def of(data: bytes, size: int = 300) -> Decoded:
        outcome = decode(_file(tmp_path, data), size)
        assert isinstance(outcome, Decoded), outcome
        return outcome

    return of


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[bytes], Fault]:
    """A function that returns why a picture cannot be shown."""

    def of(data: bytes) -> Fault:
        outcome = decode(_file(tmp_path, data))
        assert isinstance(outcome, Fault), outcome
        return outcome

    return of


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "picture"
    path.write_bytes(data)
    return path


def opened(picture: Decoded) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(picture.thumbnail))
    image.load()
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return image


def colour_at(picture: Decoded, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place given in parts of width and height, rounded to 16 steps."""
    image = opened(picture)
    values = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(values, tuple)
    return tuple(round(value / 16) * 16 for value in values)


def near(colour: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(round(value / 16) * 16 for value in colour)


def encoded(image: Pillow.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png(
    width: int, height: int, bit_depth: int = 1, colour_type: int = 0, rows: bytes = b""
) -> bytes:
    """A PNG with any header; `rows` are its compressed pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_allowed_format_is_decoded(decoded: Callable[[bytes], Decoded], format: str) -> None:
    picture = decoded(paint("red", (640, 480), format))
    assert (picture.width, picture.height) == (640, 480)
    assert opened(picture).size == (300, 225)
    assert colour_at(picture, 0.5, 0.5) == near(RED)


@pytest.mark.parametrize("format", ["PPM", "PCX", "TGA", "ICO", "SGI"])
def test_other_formats_are_refused(refused: Callable[[bytes], Fault], format: str) -> None:
    fault = refused(paint("red", (64, 64), format))
    assert fault.code is ProblemCode.BAD_PICTURE
    assert "not allowed" in fault.message


@pytest.mark.parametrize(
    ("size", "thumbnail"),
    [
        ((120, 80), (120, 80)),
        ((300, 300), (300, 300)),
        ((301, 301), (300, 300)),
        ((1000, 500), (300, 150)),
        ((500, 1000), (150, 300)),
        ((4000, 3), (300, 1)),
        ((1, 1), (1, 1)),
    ],
)
def test_the_longer_side_has_300_pixels_and_is_never_enlarged(
    decoded: Callable[[bytes], Decoded],
    size: tuple[int, int],
    thumbnail: tuple[int, int],
) -> None:
    for format in ("JPEG", "PNG"):
        picture = decoded(paint("red", size, format))
        assert (picture.width, picture.height) == size
        assert opened(picture).size == thumbnail


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_each_size_has_its_pixels_and_none_is_enlarged(
    decoded: Callable[..., Decoded], size: int, format: str
) -> None:
    large = decoded(paint("red", (1000, 900), format), size)
    assert (large.width, large.height) == (1000, 900)
    assert opened(large).size == (size, round(size * 0.9))
    exact = decoded(paint("red", (size, size), format), size)
    assert opened(exact).size == (size, size)
    small = decoded(paint("red", (size - 1, 20), format), size)
    assert opened(small).size == (size - 1, 20)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, (0.1, 0.1)),
        (2, (0.9, 0.1)),
        (3, (0.9, 0.9)),
        (4, (0.1, 0.9)),
        (5, (0.1, 0.1)),
        (6, (0.9, 0.1)),
        (7, (0.9, 0.9)),
        (8, (0.1, 0.9)),
    ],
)
def test_the_picture_is_set_upright(
    decoded: Callable[[bytes], Decoded], orientation: int, corner: tuple[float, float]
) -> None:
    image = Pillow.new("RGB", (800, 400), "blue")
    image.paste("red", (0, 0, 200, 100))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    picture = decoded(encoded(image, "JPEG", exif=exif))
    sideways = orientation >= 5
    assert (picture.width, picture.height) == ((400, 800) if sideways else (800, 400))
    assert opened(picture).size == ((150, 300) if sideways else (300, 150))
    assert colour_at(picture, *corner) == near(RED)
    assert colour_at(picture, 0.5, 0.5) == near(BLUE)
    assert 0x0112 not in opened(picture).getexif()


@pytest.mark.parametrize(
    ("mode", "format"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("P", "GIF")]
)
def test_transparent_parts_become_white(
    decoded: Callable[[bytes], Decoded], mode: str, format: str
) -> None:
    image = Pillow.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 200, 400))
    picture = decoded(encoded(image.convert(mode) if mode != "P" else image, format))
    assert colour_at(picture, 0.9, 0.5) == near(WHITE)
    assert colour_at(picture, 0.1, 0.5) == (0, 0, 0)


def test_the_colours_of_a_cmyk_picture_are_kept(decoded: Callable[[bytes], Decoded]) -> None:
    picture = decoded(encoded(Pillow.new("RGB", (400, 400), "red").convert("CMYK"), "JPEG"))
    assert colour_at(picture, 0.5, 0.5) == near(RED)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(
    decoded: Callable[[bytes], Decoded], format: str
) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (256, 1))
    picture = decoded(encoded(Pillow.fromarray(ramp), format))
    assert colour_at(picture, 0.5, 0.5) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["1", "L", "F", "P", "LAB"])
def test_a_picture_of_any_mode_keeps_its_lightness(
    decoded: Callable[[bytes], Decoded], mode: str
) -> None:
    image = Pillow.new("L", (400, 400), "white")
    image.paste("black", (0, 0, 200, 400))
    if mode == "LAB":
        middle = Pillow.new("L", image.size, 128)
        image = Pillow.merge("LAB", (image, middle, middle))
    picture = decoded(encoded(image.convert(mode), "TIFF"))
    assert colour_at(picture, 0.1, 0.5) == (0, 0, 0)
    assert colour_at(picture, 0.9, 0.5) == near(WHITE)


def test_of_an_animation_the_first_frame_is_shown(decoded: Callable[[bytes], Decoded]) -> None:
    frames = [Pillow.new("RGB", (400, 400), colour) for colour in ("red", "blue")]
    for format in ("GIF", "WEBP", "PNG", "AVIF"):
        picture = decoded(encoded(frames[0], format, save_all=True, append_images=frames[1:]))
        assert colour_at(picture, 0.5, 0.5) == near(RED)
        assert picture.animated


@pytest.mark.parametrize("format", list(FORMATS))
def test_a_picture_of_one_frame_is_no_animation(
    decoded: Callable[[bytes], Decoded], format: str
) -> None:
    assert not decoded(paint("red", (64, 64), format)).animated


@pytest.mark.parametrize("format", ["TIFF", "MPO"])
def test_a_picture_of_several_pages_is_no_animation(
    decoded: Callable[[bytes], Decoded], format: str
) -> None:
    pages = [Pillow.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    picture = decoded(encoded(pages[0], format, save_all=True, append_images=pages[1:]))
    assert colour_at(picture, 0.5, 0.5) == near(RED)
    assert not picture.animated


def test_an_animation_that_is_damaged_behind_its_first_frame_shows_that(
    decoded: Callable[[bytes], Decoded],
) -> None:
    noise = np.random.default_rng(7).integers(0, 255, (2, 64, 64), dtype=np.uint8)
    frames = [Pillow.fromarray(frame) for frame in noise]
    for format in ("GIF", "PNG"):
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
        assert opened(decoded(data[: -len(data) // 4])).size == (64, 64)


def test_a_comment_is_not_carried_along(decoded: Callable[[bytes], Decoded]) -> None:
    data = encoded(Pillow.new("RGB", (64, 64)), "JPEG", comment=b"from the shop " * 1000)
    assert b"from the shop" not in decoded(data).thumbnail


def test_damaged_exif_leaves_the_picture_as_it_is(decoded: Callable[[bytes], Decoded]) -> None:
    image = Pillow.new("RGB", (400, 200), "red")
    picture = decoded(encoded(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert opened(picture).size == (300, 150)


@pytest.mark.parametrize("format", list(FORMATS))
def test_a_picture_that_is_cut_off_is_refused(
    refused: Callable[[bytes], Fault], format: str
) -> None:
    noise = np.random.default_rng(7).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    data = encoded(Pillow.fromarray(noise), format)
    assert refused(data[: len(data) // 2]).code is ProblemCode.BAD_PICTURE
    assert refused(data[:20]).code is ProblemCode.BAD_PICTURE


def test_damage_behind_the_pixels_is_no_harm(decoded: Callable[[bytes], Decoded]) -> None:
    whole = encoded(Pillow.new("RGB", (200, 200), "red"), "PNG")
    assert whole.endswith(b"IEND\xae\x42\x60\x82")
    assert colour_at(decoded(whole[:-12] + b"\0\0\xff\xfftEXt"), 0.5, 0.5) == near(RED)


@pytest.mark.parametrize("size", [(13_000, 13_700), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_by_its_header(
    refused: Callable[[bytes], Fault], size: tuple[int, int]
) -> None:
    fault = refused(png(*size))
    assert fault.code is ProblemCode.PICTURE_TOO_LARGE
    assert "limit" in fault.message


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_bomb_below_the_pixel_limit_costs_only_itself(library: Library) -> None:
    side = 7_990
    rows = zeros(side * (1 + 4 * side))
    library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    library.image("A/cover.png", png(side, side, 8, 6, rows))
    library.work()
    assert library.album_shows("A") == paint("red")
    assert library.problems() == {"A/cover.png": "too-much-memory"}
    assert Image.select().where(Image.fault.is_null(False)).count() == 1


def test_an_idle_worker_does_not_load_pillow() -> None:
    script = "import sys, jobs.covers; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
