"""What is shown until a picture is there."""

import base64
from collections.abc import Callable

import pytest
from PIL import Image as Pillow

from db.models import Image
from jobs.pictures import store
from jobs.pictures.thumbnails import placeholder, thumb_hash
from tests.covers.library import BACK, FRONT, Library, paint
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture

Pixel = Callable[[int, int], tuple[int, int, int]]


def rows(width: int, height: int) -> bytes:
    """Pixels with waves of every kind in all channels."""
    return bytes(
        value % 256
        for y in range(height)
        for x in range(width)
        for value in (x * 7 + y * 3, x * x + y * 5, x * 11 + y * y)
    )


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (32, 32, "HxgGJwoAV5ckR4qFhmlneXd4CHWCQGkG"),
        (32, 24, "HxgKNYwwZphVZ3mGlnd3eIBXCIhn"),
        (24, 32, "3wcKJQ5QdlKGeYZ4hnh5h3CQCFuK"),
        (17, 31, "XOcJHAhAGYR4hnZoeIlCkCpfjg=="),
        (6, 32, "1dYNGQaFcGh3hXiYl5Vv9og="),
        (2, 1, "wQcCDIJyDY2IiIfQKIeNhy+HCA=="),
        (1, 1, "AAgCBwAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        (100, 75, "HwgGBYJ3h1hnWAhlZWRnh7YZsLxA"),
    ],
)
def test_a_thumbhash_is_that_of_the_reference(width: int, height: int, expected: str) -> None:
    """The reference is rgbaToThumbHash of the npm package thumbhash 0.1.1, by its inventor.

    No factor of these pictures lies between two steps, where the last bit of a cosine decides.
    """
    hashed = thumb_hash(width, height, rows(width, height))
    assert base64.b64encode(hashed).decode() == expected


@pytest.mark.parametrize("size", [(300, 300), (300, 2), (1, 300), (20, 30), (1, 1)])
def test_the_hash_tells_the_shape_of_the_picture(size: tuple[int, int]) -> None:
    data = base64.b64decode(placeholder(Pillow.new("RGB", size, "red")).hash)
    assert 5 < len(data) <= 25
    landscape = bool(data[4] & 0x80)
    assert landscape == (size[0] > size[1])
    shorter = max(1, round(7 * min(size) / max(size)))
    assert data[3] & 7 == shorter


def test_the_dominant_colour_is_that_of_most_of_the_picture() -> None:
    image = Pillow.new("RGB", (300, 300), (200, 30, 40))
    image.paste((20, 40, 220), (0, 0, 120, 300))
    assert placeholder(image).colour == "#c81e28"
    image.paste((20, 40, 220), (0, 0, 200, 300))
    assert placeholder(image).colour == "#1428dc"


def test_a_picture_that_comes_in_has_its_placeholder(library: Library) -> None:
    track = library.track("A/1.flac", "A", [(FRONT, paint((255, 0, 0))), (BACK, b"damaged")])
    library.image("B/cover.gif", paint((0, 0, 255), (640, 320), "GIF"))
    library.track("B/1.flac", "B")
    library.work()
    images = {image.digest: image for image in Image.select()}
    embedded = images[store.digest_of(paint((255, 0, 0)))]
    folder = images[store.digest_of(paint((0, 0, 255), (640, 320), "GIF"))]
    damaged = images[store.digest_of(b"damaged")]
    assert (embedded.colour, folder.colour, damaged.colour) == ("#fe0000", "#0000ff", None)
    assert base64.b64decode(embedded.placeholder)
    assert base64.b64decode(folder.placeholder)[4] & 0x80
    assert damaged.placeholder is None
    assert not any(image.animated for image in images.values())
    assert library.track_shows(track) == paint((255, 0, 0))


def test_an_animation_is_kept_as_it_is_and_says_so(library: Library) -> None:
    picture = paint(
        "red", (400, 400), "GIF", save_all=True, append_images=[Pillow.new("RGB", (400, 400))]
    )
    library.track("A/1.flac", "A", [(FRONT, picture)])
    library.work()
    image = Image.get()
    assert (image.animated, image.mime, image.fault) == (True, "image/gif", None)
    assert library.album_shows("A") == picture
    with Pillow.open(store.thumbnail(image.digest)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (300, 300))
