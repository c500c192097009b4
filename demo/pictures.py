"""Drawing covers: a landscape of circles and bands in an album's two colours, with its name."""

import io
import unicodedata
import zlib

from PIL import Image, ImageColor, ImageDraw, ImageFont

from demo.catalogue import Album

SIZE = 600
"""Pixels, both ways."""


def front(album: Album, picture_format: str = "JPEG") -> bytes:
    """The front cover, as a JPEG or PNG file."""
    ground, ink = album.colours
    picture = _bands(ground, ink)
    draw = ImageDraw.Draw(picture)
    seed = zlib.crc32(album.title.encode())
    across, down = 150 + seed % 300, 150 + seed // 300 % 150
    for circle in range(5):
        radius = 120 - 24 * circle
        box = (across - radius, down - radius, across + radius, down + radius)
        draw.ellipse(box, fill=ink if circle % 2 == 0 else ground)
    draw.text((30, 500), _plain(album.title), fill=ink, font=ImageFont.load_default(32))
    draw.text((30, 545), _plain(album.artist), fill=ink, font=ImageFont.load_default(24))
    return _encoded(picture, picture_format)


def back(album: Album) -> bytes:
    """The back: the titles, as a JPEG file."""
    ground, ink = album.colours
    picture = Image.new("RGB", (SIZE, SIZE), ink)
    draw = ImageDraw.Draw(picture)
    titles = (song.title for disc in album.discs for song in disc)
    for number, title in enumerate(titles, start=1):
        line = f"{number}  {_plain(title)}"
        draw.text((40, 20 + 50 * number), line, fill=ground, font=ImageFont.load_default(24))
    return _encoded(picture, "JPEG")


def _plain(text: str) -> str:
    """Without accents, which Pillow's own font has no letters for."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _bands(ground: str, ink: str) -> Image.Image:
    """Bands that go over from one colour half way to the other."""
    picture = Image.new("RGB", (SIZE, SIZE))
    draw = ImageDraw.Draw(picture)
    first, last = ImageColor.getrgb(ground), ImageColor.getrgb(ink)
    for top in range(0, SIZE, 20):
        share = top / SIZE / 2
        mixed = [round(a + (b - a) * share) for a, b in zip(first, last, strict=True)]
        draw.rectangle((0, top, SIZE, top + 19), fill=(mixed[0], mixed[1], mixed[2]))
    return picture


def _encoded(picture: Image.Image, picture_format: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, picture_format, quality=88)
    return file.getvalue()
