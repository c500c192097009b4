"""Pictures that are small on disk and want to be large in memory, or long in time."""

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import cache

from PIL import Image as Pillow

from tests.covers import icc

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MEBIBYTE = 1024 * 1024
GREY, RGBA = 0, 6
"""Colour types of PNG."""


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int = 1, colour: int = GREY, before: Iterable[bytes] = ()
) -> bytes:
    """A black PNG of any size, with chunks before its pixels."""
    channels = 4 if colour == RGBA else 1
    row = bytes(1 + (width * channels * depth + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        [
            _SIGNATURE,
            chunk(b"IHDR", header),
            *before,
            chunk(b"IDAT", zeros(len(row) * height)),
            chunk(b"IEND", b""),
        ]
    )


def zeros(size: int) -> bytes:
    """So many zeros, compressed as by zlib; of pieces that stand alone, each compressed once."""
    pieces = _piece(_MEBIBYTE) * (size // _MEBIBYTE) + _piece(size % _MEBIBYTE)
    checksum = struct.pack(">HH", size % 65_521, 1)  # Adler-32 of zeros
    return b"\x78\x01" + pieces + b"\x03\x00" + checksum


@cache
def _piece(size: int) -> bytes:
    compressor = zlib.compressobj(1, wbits=-15)
    return compressor.compress(bytes(size)) + compressor.flush(zlib.Z_FULL_FLUSH)


def gif(canvas: tuple[int, int], frame: tuple[int, int], frames: int = 1) -> bytes:
    """A GIF whose frames have one pixel each; further pixels are not there."""
    screen = struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + bytes(6)
    control = b"\x21\xf9\x04\x04\x01\x00\x00\x00"
    placed = b"\x2c" + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + screen + (control + placed) * frames + b"\x3b"


def frames(format: str, count: int) -> bytes:
    """An animation of two colours in turn."""
    pictures = [Pillow.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    rest = [pictures[number % 2] for number in range(1, count)]
    pictures[0].save(buffer, format, save_all=True, append_images=rest)
    return buffer.getvalue()


def jpeg(size: tuple[int, int] | None = None, profile: bytes = b"", **options: bool) -> bytes:
    """A red JPEG that says that it has this size, and a profile."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (64, 64), "red").save(buffer, "JPEG", icc_profile=profile, **options)
    data = bytearray(buffer.getvalue())
    if size is not None:
        start = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        data[start + 5 : start + 9] = struct.pack(">HH", size[1], size[0])
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    """An animated WebP whose canvas says that it has this size."""
    data = bytearray(frames("WEBP", 2))
    start = data.index(b"VP8X") + 12
    data[start : start + 6] = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return bytes(data)


def avif(width: int, height: int) -> bytes:
    """An AVIF that says that it has this size."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (64, 64), "red").save(buffer, "AVIF")
    data = bytearray(buffer.getvalue())
    start = data.index(b"ispe") + 8
    data[start : start + 8] = struct.pack(">II", width, height)
    return bytes(data)


def bmp(width: int, height: int) -> bytes:
    """A BMP of run lengths that ends at once."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 2, 0, 0, 256, 0)
    start = 14 + len(header) + 1024
    return struct.pack("<2sIII", b"BM", start + 2, 0, start) + header + bytes(1024) + b"\0\1"


def tiff(width: int, height: int, channels: int = 1, bits: int = 1, pixels: bytes = b"\0") -> bytes:
    """A TIFF of one strip, of pixels compressed as by zlib."""
    sizes = struct.pack("<4H", *[bits] * 4)
    start = 8 + len(pixels)
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, bits if channels == 1 else start),
        (259, 3, 1, 8),  # deflate
        (262, 3, 1, 2 if channels > 1 else 1),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    if channels == 4:
        entries.append((338, 3, 1, 2))  # the fourth is opacity
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return struct.pack("<2sHI", b"II", 42, start + len(sizes)) + pixels + sizes + directory


def _profile_chunk(size: int) -> bytes:
    return chunk(b"iCCP", b"bomb\0\0" + zeros(size))


def _text_chunks(count: int, size: int) -> list[bytes]:
    return [chunk(b"zTXt", b"Comment\0\0" + zeros(size))] * count


TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "png 13000 x 13700": lambda: png(13_000, 13_700, 8),
    "gif canvas": lambda: gif((65_535, 65_535), (16, 16)),
    "gif frame beyond its canvas": lambda: gif((16, 16), (65_535, 65_535)),
    "jpeg": lambda: jpeg((65_000, 65_000)),
    "bmp": lambda: bmp(30_000, 30_000),
    "tiff": lambda: tiff(60_000, 60_000),
}
"""Refused for their size, before a pixel is decoded."""

REFUSED: dict[str, Callable[[], bytes]] = {
    "png below the limit of pixels": lambda: png(7_990, 7_990, 8, RGBA),
    "png of 16 bits below the limit": lambda: png(7_990, 7_990, 16, RGBA),
    "tiff below the limit of pixels": lambda: tiff(7_990, 7_990, 4, 8, zeros(4 * 7_990**2)),
    "webp canvas": lambda: webp(16_384, 16_384),
    "avif": lambda: avif(30_000, 30_000),
    "png with a profile": lambda: png(64, 64, before=[_profile_chunk(256 * _MEBIBYTE)]),
    "png with a text": lambda: png(64, 64, before=_text_chunks(1, 256 * _MEBIBYTE)),
    "png with an international text": lambda: png(
        64, 64, before=[chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(256 * _MEBIBYTE))]
    ),
    "png with many texts": lambda: png(64, 64, before=_text_chunks(500, _MEBIBYTE - 1)),
}
"""Refused on the way."""

SHOWN: dict[str, Callable[[], bytes]] = {
    "gif of 10,000 frames": lambda: gif((1000, 1000), (1, 1), 10_000),
    "progressive jpeg whose pixels are not there": lambda: jpeg((7_990, 7_990), progressive=True),
    "png of 1,000 frames": lambda: frames("PNG", 1000),
    "webp of 1,000 frames": lambda: frames("WEBP", 1000),
    "jpeg with 16 MiB of profile": lambda: jpeg(profile=icc.rgb_profile() + bytes(16_000_000)),
    "jpeg with a profile that says it is a huge table": lambda: jpeg(
        profile=icc.profile(b"prtr", b"RGB ", b"Lab ", {b"A2B0": icc.table(3, 255, bytes(1000))})
    ),
}
"""What is too much in them is not read."""
