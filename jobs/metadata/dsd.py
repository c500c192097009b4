"""DSD files: DSF and DSDIFF (dff), both with an ID3v2 tag."""

from collections.abc import Callable
from typing import Any, BinaryIO

from mutagen.dsdiff import DSDIFFInfo
from mutagen.dsf import DSFFile

from jobs.metadata import id3
from jobs.metadata.chunks import MAX_TEXT, Chunk, chunks, text_of
from jobs.metadata.contents import Contents, Picture, RawTags, filled
from jobs.records import AudioProperties

_load_dsf: Callable[[BinaryIO], Any] = DSFFile
_load_dsdiff: Callable[[BinaryIO], Any] = DSDIFFInfo

_EDITED_MASTER_TEXTS = {b"DITI": "title", b"DIAR": "artists"}


def read_dsf(file: BinaryIO, _size: int) -> Contents:
    """The contents of a DSF file (DSF File Format Specification 1.01, Sony 2005)."""
    file.seek(0)
    dsf = _load_dsf(file)
    form = dsf.fmt_chunk
    rate, channels = form.sampling_frequency, form.channel_num
    audio = AudioProperties(
        codec="dsd",
        container="dsf",
        duration=form.sample_count / rate if rate else None,
        bit_rate=rate * channels,
        sample_rate=rate,
        bit_depth=1,
        channels=channels,
    )
    offset = dsf.dsd_chunk.offset_metdata_chunk
    tags, pictures, _ = id3.tags_at(file, offset) if offset else ({}, [], 0)
    return Contents(audio, tags, pictures)


def read_dsdiff(file: BinaryIO, size: int) -> Contents:
    """The contents of a DSDIFF file (DSDIFF File Format Specification 1.5, Philips 2004)."""
    file.seek(0)
    info = _load_dsdiff(file)
    audio = AudioProperties(
        codec="dst" if info.compression == "DST" else "dsd",
        container="dff",
        duration=info.length,
        bit_rate=round(info.bitrate),
        sample_rate=info.sample_rate,
        bit_depth=1,
        channels=info.channels,
    )
    tags: RawTags = {}
    texts: RawTags = {}
    pictures: list[Picture] = []
    for chunk in chunks(file, 16, size, "big", size_bytes=8):
        if chunk.name == b"ID3 ":
            tags, pictures, _ = id3.tags_at(file, chunk.start)
        elif chunk.name == b"DIIN":
            filled(texts, _edited_master_texts(file, chunk))
    return Contents(audio, filled(tags, texts), pictures)


def _edited_master_texts(file: BinaryIO, chunk: Chunk) -> RawTags:
    """Title and artist of a DIIN chunk: each a length and a text."""
    texts: RawTags = {}
    for part in chunks(file, chunk.start, chunk.start + chunk.size, "big", size_bytes=8):
        if part.name in _EDITED_MASTER_TEXTS:
            texts[_EDITED_MASTER_TEXTS[part.name]] = [text_of(part.content(file, MAX_TEXT)[4:])]
    return texts
