"""The smallest files of each container that a reader takes for sound.

`tests.music.tone` makes mp3, flac, ogg, opus, wav and aiff; of the others only headers matter here,
and those are written by hand from their specifications.
"""

import struct
import uuid

RATE = 44_100


def chunk(name: bytes, content: bytes, order: str = "<") -> bytes:
    """A chunk of RIFF (`order` "<") or AIFF (">")."""
    return name + struct.pack(f"{order}I", len(content)) + content + b"\0" * (len(content) % 2)


def wave(*chunks: bytes, form: bytes | None = None, sound: bytes = bytes(RATE)) -> bytes:
    """A WAV file of half a second, mono, 16 bit; `chunks` follow its sound."""
    form = form or struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    body = chunk(b"fmt ", form) + chunk(b"data", sound) + b"".join(chunks)
    return chunk(b"RIFF", b"WAVE" + body)


def aiff(*chunks: bytes) -> bytes:
    """An AIFF file of half a second, mono, 16 bit; `chunks` follow its sound."""
    rate = struct.pack(">HQ", 16383 + 15, RATE << 48)
    common = struct.pack(">hLh", 1, RATE // 2, 16) + rate
    sound = chunk(b"SSND", bytes(8 + RATE), ">")
    return chunk(b"FORM", b"AIFF" + chunk(b"COMM", common, ">") + sound + b"".join(chunks), ">")


def atom(name: bytes, *content: bytes) -> bytes:
    """An MP4 atom."""
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + name + body


def mp4(sound: bytes = b"soun") -> bytes:
    """An MP4 file with one track of the given handler: two seconds of AAC, 32,000 bytes."""
    decoder = bytes.fromhex("04 11 40 15 000000 00000000 0001F400") + bytes.fromhex("05 02 12 10")
    elementary = bytes.fromhex("03 16 0001 00") + decoder
    entry = atom(
        b"mp4a",
        *(bytes(6), struct.pack(">H", 1), bytes(8)),
        struct.pack(">HHHHI", 2, 16, 0, 0, RATE << 16),
        atom(b"esds", bytes(4), elementary),
    )
    table = atom(
        b"stbl",
        atom(b"stsd", bytes(4), struct.pack(">I", 1), entry),
        atom(b"stsz", bytes(4), struct.pack(">II", 320, 100)),
    )
    media = atom(
        b"mdia",
        atom(b"mdhd", bytes(12), struct.pack(">II", RATE, 2 * RATE), bytes(4)),
        atom(b"hdlr", bytes(8), sound, bytes(12)),
        atom(b"minf", table),
    )
    header = atom(b"mvhd", bytes(12), struct.pack(">II", 1000, 2000), bytes(80))
    movie = atom(b"moov", header, atom(b"trak", media))
    return atom(b"ftyp", b"M4A ", bytes(4)) + movie + atom(b"mdat", bytes(32_000))


def _asf_object(guid: str, content: bytes) -> bytes:
    return uuid.UUID(guid).bytes_le + struct.pack("<Q", len(content) + 24) + content


def asf() -> bytes:
    """The header of an ASF file: two seconds, stereo, 64 kbit/s."""
    properties = _asf_object(
        "8CABDCA1-A947-11CF-8EE4-00C00C205365",
        bytes(40) + struct.pack("<QQQ", 20_000_000, 20_000_000, 0) + bytes(16),
    )
    stream = _asf_object(
        "B7DC0791-A9B7-11CF-8EE6-00C00C205365",
        uuid.UUID("F8699E40-5B4D-11CF-A8FD-00805F5C442B").bytes_le
        + bytes(38)
        + struct.pack("<HHIIHHH", 0x161, 2, RATE, 8000, 1, 16, 0),
    )
    body = struct.pack("<I", 2) + b"\1\2" + properties + stream
    return _asf_object("75B22630-668E-11CF-A6D9-00AA0062CE6C", body) + bytes(16_000)


def monkeys_audio() -> bytes:
    """A Monkey's Audio 3.99 header: two frames, one second."""
    head = b"MAC " + struct.pack("<H", 3990)
    return head.ljust(56, b"\0") + struct.pack("<IIIHHI", 22_050, 22_050, 2, 16, 2, RATE) + bytes(9)


def wavpack(parts: bytes = b"", *, rate_index: int = 9, total: int = RATE, index: int = 0) -> bytes:
    """One WavPack block of one second, stereo, 16 bit."""
    flags = 1 | rate_index << 23
    size = 24 + len(parts)
    head = struct.pack("<4sIHBBIIIII", b"wvpk", size, 0x410, 0, 0, total, index, RATE, flags, 0)
    return head + parts


def musepack() -> bytes:
    """A Musepack SV7 header: 77 frames, two seconds."""
    return b"MP+\7" + struct.pack("<II", 77, 0) + bytes(20) + bytes(1000)


def true_audio() -> bytes:
    """A TTA1 header: one second, stereo."""
    return b"TTA1" + struct.pack("<HHHIII", 1, 2, 16, RATE, RATE, 0) + bytes(100)


def dsf() -> bytes:
    """A DSF file: one second of DSD64, stereo, without its sound."""
    head = b"DSD " + struct.pack("<QQQ", 28, 92 + 705_600, 0)
    form = struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2_822_400, 1, 2_822_400, 4096, 0)
    return head + b"fmt " + form + b"data" + struct.pack("<Q", 12 + 705_600) + bytes(705_600)


def _dsdiff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">Q", len(content)) + content + b"\0" * (len(content) % 2)


def dsdiff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A DSDIFF file: a hundredth of a second of DSD64, stereo; `chunks` follow its sound."""
    properties = (
        b"SND "
        + _dsdiff_chunk(b"FS  ", struct.pack(">I", 2_822_400))
        + _dsdiff_chunk(b"CHNL", struct.pack(">H", 2) + b"SLFTSRGT")
        + _dsdiff_chunk(b"CMPR", b"DSD \x0enot compressed")
    )
    body = b"DSD " + _dsdiff_chunk(b"FVER", b"\1\5\0\0") + _dsdiff_chunk(b"PROP", properties)
    body += _dsdiff_chunk(b"DSD ", bytes(7056))
    body += b"".join(_dsdiff_chunk(name, content) for name, content in chunks)
    return _dsdiff_chunk(b"FRM8", body)


def edited_master(**texts: str) -> bytes:
    """The content of a DIIN chunk of DSDIFF, by chunk name."""
    return b"".join(
        _dsdiff_chunk(name.encode(), struct.pack(">I", len(text)) + text.encode())
        for name, text in texts.items()
    )


def adts() -> bytes:
    """Fifty frames of AAC-LC, 44.1 kHz, stereo, of 200 bytes each."""
    return (bytes.fromhex("FFF15080191FFC") + bytes(193)) * 50
