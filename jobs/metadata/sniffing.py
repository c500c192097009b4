"""Which container a file is: by its first bytes, and only then by its extension."""

from typing import BinaryIO

from mutagen.id3 import BitPaddedInt

from db.library_files import UNREADABLE_EXTENSIONS
from jobs.errors import UnreadableFileError
from jobs.metadata.formats import GUESSED_BY_EXTENSION
from jobs.records import ProblemCode

_HEAD = 16
_ID3_HEADER = 10
_MAX_STACKED_TAGS = 8

_SIGNATURES = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (4, b"wide", "mp4"),
    (4, b"free", "mp4"),
    (4, b"skip", "mp4"),
    (8, b"WAVE", "wav"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b"FRM8", "dff"),
    (0, b"DSD ", "dsf"),
    (0, bytes.fromhex("3026B2758E66CF11A6D900AA0062CE6C"), "asf"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wavpack"),
    (0, b"MPCK", "musepack"),
    (0, b"MP+", "musepack"),
    (0, b"TTA", "tta"),
    (0, b"OFR ", "optimfrog"),
    (0, b"tBaK", "tak"),
    (0, b"ADIF", "aac"),
    (0, b"\x0b\x77", "ac3"),
)
_UNSUPPORTED = (
    (0, b"caff", "Core Audio Format"),
    (0, b"\x1aE\xdf\xa3", "Matroska"),
    (0, b"ajkg", "Shorten"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"#!AMR", "AMR"),
    (0, b".snd", "Sun audio"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealMedia"),
    (0, b"LA0", "Lossless Audio"),
)


def container_of(file: BinaryIO, extension: str) -> str:
    """The name of the file's container, as in `jobs.records.AudioProperties`.

    `extension` is lower case, without the dot. Raises UnreadableFileError for sound that nothing
    here reads, and for what is no sound.
    """
    head = _head_behind_id3(file)
    for position, signature, container in _SIGNATURES:
        if head.startswith(signature, position):
            return container
    for position, signature, name in _UNSUPPORTED:
        if head.startswith(signature, position):
            raise UnreadableFileError(ProblemCode.UNSUPPORTED, f"{name} files are not supported")
    if extension in UNREADABLE_EXTENSIONS:
        raise UnreadableFileError(ProblemCode.UNSUPPORTED, f".{extension} files are not supported")
    guess = _mpeg_or_aac(head) or GUESSED_BY_EXTENSION.get(extension) or _id3_alone(file)
    if guess is None:
        message = "it does not begin like any sound format that is read here"
        raise UnreadableFileError(ProblemCode.NOT_AUDIO, message)
    return guess


def _mpeg_or_aac(head: bytes) -> str | None:
    """By the sync word: the layer bits are 00 in ADTS alone."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0x06:
        return "mp3"
    return "aac" if head[1] & 0xF0 == 0xF0 else None


def _id3_alone(file: BinaryIO) -> str | None:
    """What begins with an ID3v2 tag and is nothing else is MPEG audio behind some junk."""
    return "mp3" if _read_at(file, 0).startswith(b"ID3") else None


def _head_behind_id3(file: BinaryIO) -> bytes:
    """The first bytes of the sound, or of the file when ID3v2 tags reach to its end."""
    offset = 0
    head = first = _read_at(file, 0)
    for _ in range(_MAX_STACKED_TAGS):
        if head[:3] != b"ID3" or len(head) < _ID3_HEADER:
            break
        offset += _ID3_HEADER + BitPaddedInt(head[6:_ID3_HEADER])
        head = _read_at(file, offset)
    return head or first


def _read_at(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(_HEAD)
