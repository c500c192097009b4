"""From a file to a track record: the public interface of metadata.

Which container a file is its first bytes say, and only then its extension.
"""

import errno
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

from mutagen.id3 import BitPaddedInt

from db.files import opened
from db.scanning.library_files import AUDIO_EXTENSIONS, UNREADABLE_EXTENSIONS, reader_of
from db.sql import path_text
from jobs.bounded import FailureKind, ItemFailure, Value, run_bounded
from jobs.content import content_id, sound_id
from jobs.errors import UnreadableFileError
from jobs.metadata import asf, beside, chunk_formats, cue_sheet, id3, libav, mp4, streams, xiph
from jobs.metadata.contents import Contents, Picture, Reader, behind, filled
from jobs.metadata.fields import lyrics_of, plausible
from jobs.metadata.text import cleaned
from jobs.pictures import store
from jobs.pictures.errors import StoreError
from jobs.records import FoundFile, ProblemCode, TrackRecord, UnreadFile

MEMORY = 256 * 1024 * 1024
"""Bytes that reading one file may need: the largest pictures, several times over."""
SECONDS = 30.0
"""Time that reading one file may take: a sleeping disk wakes within it."""
MAX_PICTURES = 100
"""Further pictures of a file are left out."""
_LARGE_READ = 1024 * 1024
_SMALL = 512 * 1024
"""Bytes up to which a file is read whole."""

_READERS: dict[str, Reader] = {
    **asf.READERS,
    **chunk_formats.READERS,
    **libav.READERS,
    **mp4.READERS,
    **streams.READERS,
    **xiph.READERS,
}
"""By container name: each module says itself what it reads."""
_SOUND_ALONE = AUDIO_EXTENSIONS - {"mp4"}
"""Extensions that say that there is no film, whatever pictures move in it."""
_FAILURES = {
    FailureKind.MEMORY: ProblemCode.TOO_MUCH_MEMORY,
    FailureKind.TIME: ProblemCode.TOO_SLOW,
    FailureKind.CRASH: ProblemCode.CRASHED,
    FailureKind.ERROR: ProblemCode.DAMAGED,
}


class ReadFile(NamedTuple):
    """What became of a file: its `TrackRecord`, or else `UnreadFile`, as JSON."""

    json: dict[str, Any]
    is_track: bool
    size: int = 0
    """Bytes of a track's record."""


def read_files(found: Sequence[FoundFile]) -> Iterator[TrackRecord | UnreadFile]:
    """Each file's track, or why it has none, in order, whatever the files do.

    Runs in a child of this process that is limited to MEMORY and, for each file, SECONDS.
    """
    for read in read_as_json(found):
        yield (TrackRecord if read.is_track else UnreadFile).from_json(read.json)


def read_as_json(
    found: Sequence[FoundFile], *, storing: bool = False, root: str | None = None
) -> Iterator[ReadFile]:
    """As `read_files`, for what is only handed on.

    With `storing` the embedded pictures are put into the picture store while the file is open.
    What tags lack is guessed from the names of files and folders below `root`.
    """
    items: list[_Item | None] = [(file.as_json(), root) for file in found]
    function: Callable[[Any], Any] = _stored_and_read if storing else _read_in_child
    if storing:
        items.append(None)
    outcomes = run_bounded(function, items, extra_memory=MEMORY, seconds=SECONDS)
    with closing(outcomes):
        for file, outcome in zip(found, outcomes, strict=False):
            yield _read(file, outcome)
        deque(outcomes, maxlen=0)  # the end of the storing


def _read(file: FoundFile, outcome: Value | ItemFailure) -> ReadFile:
    if isinstance(outcome, Value):
        return ReadFile(outcome.json, "code" not in outcome.json, outcome.size)
    passes = outcome.obstacle is not None  # then the file is read again
    code = ProblemCode.UNREADABLE if passes else _FAILURES[outcome.kind]
    signal, reader = outcome.signal or None, reader_of(file.path)
    unread = UnreadFile(file, code, outcome.message, signal, reader)
    return ReadFile(unread.as_json(), is_track=False)


def read_file(found: FoundFile, *, storing: bool = False, root: str | None = None) -> TrackRecord:
    """The track that a file holds; see `read_as_json`.

    Raises UnreadableFileError, whose message says what is wrong with this file. Memory and time
    are not limited here: use `read_files` for files from outside.
    """
    with opened_file(found.path) as (file, size):
        contents = contents_of(file, size, _extension(found.path))
        pictures = contents.pictures[:MAX_PICTURES]
        audio = plausible(contents.audio, size - sum(len(each.data) for each in contents.pictures))
        says = cue_sheet.described(contents, found, audio.duration)
        tags, guessed = beside.completed(says.tags, found, root, says.unread)
        lyrics = [*lyrics_of(contents.tags), *beside.lyrics_beside(found, says.unread)]
        record = TrackRecord(
            file=found,
            content_id=content_id(file, size),
            sound_id=contents.sound_id
            or sound_id(file, contents.sound, paged=contents.audio.container == "ogg"),
            tags=replace(tags, has_lyrics=True) if lyrics and not says.parts else tags,
            audio=audio,
            pictures=[picture.info() for picture in pictures],
            is_video=contents.is_video and _extension(found.path) not in _SOUND_ALONE,
            guessed={**says.guessed, **guessed},
            lyrics=[] if says.parts else lyrics,
            parts=cue_sheet.with_lyrics(says.parts, lyrics),
            sheets=says.sheets,
            unread=says.unread,
            reader=reader_of(found.path),
        )
    if storing:
        _store(pictures)
    return record


_stored: set[str] = set()
"""The pictures of this call that are in the store: the tracks of an album mostly carry the same."""


def _store(pictures: Sequence[Picture]) -> None:
    """Put pictures into the store. What it cannot take now the cover jobs bring, or say why not."""
    for picture in pictures:
        is_small = len(picture.data) <= store.MAX_PICTURE_BYTES
        if is_small and store.digest_of(picture.data) not in _stored:
            with suppress(StoreError):
                _stored.add(store.put(picture.data, later=True))


def read_pictures(path: str) -> list[Picture]:
    """The embedded pictures, with their bytes, of the file at `path` (as `db.sql.path_text`).

    Raises UnreadableFileError. Memory and time are not limited here.
    """
    with opened_file(path) as (file, size):
        return contents_of(file, size, _extension(path)).pictures[:MAX_PICTURES]


_Item = tuple[dict[str, Any], str | None]
"""A file, as JSON, and the root that it lies below."""


def _read_in_child(item: _Item, *, storing: bool = False) -> dict[str, Any]:
    """What became of a file, as JSON."""
    file, root = item
    found = FoundFile.from_json(file)
    try:
        return read_file(found, storing=storing, root=root).as_json()
    except UnreadableFileError as error:
        reader = reader_of(found.path)
        return UnreadFile(found, error.code, str(error), reader=reader).as_json()


def _stored_and_read(item: _Item | None) -> dict[str, Any] | None:
    """A file's record, its pictures stored; None comes last, and finishes the storing."""
    if item is not None:
        return _read_in_child(item, storing=True)
    _stored.clear()
    with suppress(StoreError):
        store.finish()
    return None


class _SizedReader(io.BufferedReader):
    """A file that is never read beyond its end.

    A read reserves memory for its size, and damaged files state sizes of gigabytes.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; all that is left when it is negative or None."""
        if size is not None and size > _LARGE_READ:
            left = os.fstat(self.fileno()).st_size - self.tell()
            size = max(0, min(size, left))
        return super().read(size)


@contextmanager
def opened_file(path: str) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its bytes, and what fails with it as UnreadableFileError.

    A small one is read at once: readers go to and fro in it, dozens of times.
    """
    try:
        with io.FileIO(opened(path_text.to_bytes(path))) as raw:
            size = os.fstat(raw.fileno()).st_size
            if size <= _SMALL:
                with io.BufferedReader(raw, _SMALL) as whole:
                    data = whole.read(size)
                yield io.BytesIO(data), len(data)
            else:
                with _SizedReader(raw) as file:
                    yield file, size
    except FileNotFoundError as error:
        raise UnreadableFileError(ProblemCode.VANISHED, "the file is no longer there") from error
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        raise UnreadableFileError(ProblemCode.UNREADABLE, message) from error


def contents_of(file: BinaryIO, size: int, extension: str) -> Contents:
    """What the file holds: by the reader of its container, and if that gives up by FFmpeg."""
    if size == 0:
        raise UnreadableFileError(ProblemCode.EMPTY, "the file is empty")
    try:
        return _by_container(file, size, extension)
    except UnreadableFileError as error:
        contents = libav.last_resort(file, size) if error.code in _FOR_FFMPEG else None
        if contents is None:
            raise
        return contents


_FOR_FFMPEG = {ProblemCode.DAMAGED, ProblemCode.NOT_AUDIO, ProblemCode.UNSUPPORTED}
"""What FFmpeg may yet read."""


def _by_container(file: BinaryIO, size: int, extension: str) -> Contents:
    """Whatever a damaged file makes a reader raise is reported as damage."""
    container, start = container_of(file, extension)
    try:
        if not start:
            file.seek(0)
            return _READERS[container](file, size)
        contents = _READERS[container](behind(file, start), size - start)
        tags, pictures, _ = id3.tags_at(file, 0)
        filled(contents.tags, tags)
        contents.pictures = contents.pictures or pictures
        contents.sound = [(begin + start, end + start) for begin, end in contents.sound]
        return contents
    except UnreadableFileError:
        raise
    except Exception as error:  # mutagen raises nearly anything on damaged files
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's fault, unlike a seek to a place that cannot be
        if _out_of_memory(error):
            message = f"reading it as {container} needs more memory than is allowed"
            raise UnreadableFileError(ProblemCode.TOO_MUCH_MEMORY, message) from error
        said = cleaned(path_text.readable(str(error))) or type(error).__name__
        message = f"damaged {container} file: {said}"
        raise UnreadableFileError(ProblemCode.DAMAGED, message) from error


def _out_of_memory(error: BaseException | None) -> bool:
    """Whether a MemoryError is at the bottom; mutagen turns some into errors of its own."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _extension(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()


_GUESSED_BY_EXTENSION = {
    **dict.fromkeys(("mp3", "mp2", "mp1", "mpga"), "mp3"),
    **dict.fromkeys(("aac", "adts"), "aac"),
    **dict.fromkeys(("mpc", "mp+", "mpp"), "musepack"),
}
"""Containers that may begin with anything, by the extensions that make them likely."""

_HEAD_SIZE = 16
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
    (0, b"\x1aE\xdf\xa3", "matroska"),
)
_UNSUPPORTED = (
    (0, b"caff", "Core Audio Format"),
    (0, b"ajkg", "Shorten"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"#!AMR", "AMR"),
    (0, b".snd", "Sun audio"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealMedia"),
    (0, b"LA0", "Lossless Audio"),
)

_MARKS = re.compile(
    rb"OggS\0\x02|fLaC\0\0\0\x22|R(?:IFF|IFX|F64)....WAVE|FORM....AIF[FC]|\0\0\0[\x08-\x7f]ftyp"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\x1aE\xdf\xa3|wvpk..\0\0|MAC .\x0f|DSD \x1c\0{7}|FRM8\0",
    re.DOTALL,
)
"""How containers begin, as no other data do by chance."""
_MOST_JUNK = 64 * 1024
"""Bytes before it in which the beginning of a container is looked for."""
_PASS_OVER_ID3 = {"flac", *streams.READERS}
"""Containers whose readers know of tags that stand before them."""


def container_of(file: BinaryIO, extension: str) -> tuple[str, int]:
    """The name of the file's container, as in `jobs.records.AudioProperties`, and where it begins.

    `extension` is lower case, without the dot. Raises UnreadableFileError for sound that no reader
    of ours reads, and for what is no sound.
    """
    head, offset = _head_behind_id3(file)
    if container := _by_signature(head):
        return container, 0 if container in _PASS_OVER_ID3 else offset
    for position, signature, name in _UNSUPPORTED:
        if head.startswith(signature, position):
            raise UnreadableFileError(ProblemCode.UNSUPPORTED, f"{name} files are not supported")
    if extension in UNREADABLE_EXTENSIONS:
        raise UnreadableFileError(ProblemCode.UNSUPPORTED, f".{extension} files are not supported")
    if guess := _mpeg_or_aac(head) or _GUESSED_BY_EXTENSION.get(extension):
        return guess, 0
    file.seek(offset)
    junk = file.read(_MOST_JUNK)
    for match in _MARKS.finditer(junk):
        if container := _by_signature(junk[match.start() : match.start() + _HEAD_SIZE]):
            return container, offset + match.start()
    if guess := _id3_alone(file):
        return guess, 0
    message = "it does not begin like any sound format that is read here"
    raise UnreadableFileError(ProblemCode.NOT_AUDIO, message)


def _by_signature(head: bytes) -> str | None:
    for position, signature, container in _SIGNATURES:
        if head.startswith(signature, position):
            return container
    return None


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


def _head_behind_id3(file: BinaryIO) -> tuple[bytes, int]:
    """The first bytes of the sound and where they stand; the file's when tags reach to its end."""
    offset, head = 0, (first := _read_at(file, 0))
    for _ in range(_MAX_STACKED_TAGS):
        if head[:3] != b"ID3" or len(head) < _ID3_HEADER:
            break
        offset += _ID3_HEADER + BitPaddedInt(head[6:_ID3_HEADER])
        head = _read_at(file, offset)
    return (head, offset) if head else (first, 0)


def _read_at(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(_HEAD_SIZE)
