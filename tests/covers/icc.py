"""ICC profiles written by hand, by the ICC.1 specification, version 2."""

import struct

_HEADER_BYTES, _TAG_BYTES = 128, 12
_WHITE = (0.9642, 1.0, 0.8249)
RED, GREEN, BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
"""What the channels of sRGB stand for."""


def rgb_profile(
    red: tuple[float, ...] = RED,
    green: tuple[float, ...] = GREEN,
    blue: tuple[float, ...] = BLUE,
) -> bytes:
    """A screen whose channels stand for these colours, with a gamma of 2.2."""
    curve = _curve(2.2)
    tags = {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
    return profile(
        b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    )


def grey_profile(gamma: float) -> bytes:
    """A grey screen."""
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def black_ink_profile() -> bytes:
    """A press of four inks of which the black one alone is seen."""
    nodes = [(255 * (1 - node % 2), 128, 128) for node in range(16)]
    return profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table(4, 2, b"".join(map(bytes, nodes)))})


def table(inputs: int, grid: int, nodes: bytes) -> bytes:
    """A table from ink to Lab, with `grid` nodes for each input."""
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    straight = bytes(range(256))
    return (
        b"mft1\0\0\0\0"
        + bytes([inputs, 3, grid, 0])
        + identity
        + straight * inputs
        + nodes
        + straight * 3
    )


def profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile with these tags and the white point."""
    tags = {b"wtpt": _xyz(_WHITE), **tags}
    place = _HEADER_BYTES + 4 + _TAG_BYTES * len(tags)
    listing, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        listing += name + struct.pack(">II", place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x3i48x",
        place + len(body),
        0x02400000,
        kind,
        space,
        connection,
        b"acsp",
        *_fixed(_WHITE),
    )
    assert len(header) == _HEADER_BYTES
    return header + listing + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *_fixed(values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH2x", 1, round(gamma * 256))


def _fixed(values: tuple[float, ...]) -> list[int]:
    return [round(value * 65536) for value in values]
