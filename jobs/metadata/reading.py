"""From a file to a track record: the public door of metadata."""

import errno
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, BinaryIO

from db import paths
from jobs.bounded import FailureKind, ItemFailure, Value, run_bounded
from jobs.content import content_id
from jobs.errors import UnreadableFileError
from jobs.metadata.aiff import read_aiff
from jobs.metadata.asf import read_asf
from jobs.metadata.contents import Contents, Picture
from jobs.metadata.dsd import read_dsdiff, read_dsf
from jobs.metadata.fields import tags_of
from jobs.metadata.flac import read_flac
from jobs.metadata.mp4 import read_mp4
from jobs.metadata.ogg import read_ogg
from jobs.metadata.plausible import plausible
from jobs.metadata.riff import read_wave
from jobs.metadata.sniffing import container_of
from jobs.metadata.streams import STREAMS, read_stream
from jobs.metadata.text import cleaned
from jobs.records import FoundFile, ProblemCode, TrackRecord, UnreadFile

MEMORY = 256 * 1024 * 1024
"""Bytes that reading one file may need: the largest pictures, several times over."""
SECONDS = 30.0
"""Time that reading one file may take: a sleeping disk wakes within it."""
MAX_PICTURES = 100
"""Further pictures of a file are left out."""

_LARGE_READ = 1024 * 1024

_READERS: dict[str, Callable[[BinaryIO, int], Contents]] = {
    "flac": read_flac,
    "ogg": read_ogg,
    "mp4": read_mp4,
    "wav": read_wave,
    "aiff": read_aiff,
    "asf": read_asf,
    "dsf": read_dsf,
    "dff": read_dsdiff,
    **{name: partial(read_stream, name) for name in STREAMS},
}
_FAILURES = {
    FailureKind.MEMORY: ProblemCode.TOO_MUCH_MEMORY,
    FailureKind.TIME: ProblemCode.TOO_SLOW,
    FailureKind.CRASH: ProblemCode.CRASHED,
    FailureKind.ERROR: ProblemCode.DAMAGED,
}


def read_files(found: Sequence[FoundFile]) -> Iterator[TrackRecord | UnreadFile]:
    """Each file's track, or why it has none, in order, whatever the files do.

    Runs in a child of this process that is limited to MEMORY and, for each file, SECONDS.
    """
    outcomes = run_bounded(_read_as_json, found, extra_memory=MEMORY, seconds=SECONDS)
    with closing(outcomes):
        for file, outcome in zip(found, outcomes, strict=True):
            yield _record(file, outcome)


def _record(file: FoundFile, outcome: Value | ItemFailure) -> TrackRecord | UnreadFile:
    if isinstance(outcome, ItemFailure):
        code, ended_by = _FAILURES[outcome.kind], outcome.signal or None
        return UnreadFile(file, code, outcome.message, ended_by)
    if "code" in outcome.json:
        return UnreadFile.from_json(outcome.json)
    return TrackRecord.from_json(outcome.json)


def read_file(found: FoundFile) -> TrackRecord:
    """The track that a file holds.

    Raises UnreadableFileError, whose message says what is wrong with this file. Memory and time
    are not limited here: use `read_files` for files from outside.
    """
    with _opened(found.path) as file:
        size = os.fstat(file.fileno()).st_size
        contents = _contents(file, size, _extension(found.path))
        sound_size = size - sum(len(picture.data) for picture in contents.pictures)
        return TrackRecord(
            file=found,
            content_id=content_id(file, size),
            tags=tags_of(contents.tags),
            audio=plausible(contents.audio, sound_size),
            pictures=[picture.info() for picture in contents.pictures[:MAX_PICTURES]],
        )


def read_pictures(path: str) -> list[Picture]:
    """The embedded pictures of the file at `path` (text form of `db.paths`), with their bytes.

    Raises UnreadableFileError. Memory and time are not limited here.
    """
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        return _contents(file, size, _extension(path)).pictures[:MAX_PICTURES]


def _read_as_json(found: FoundFile) -> dict[str, Any]:
    try:
        return read_file(found).as_json()
    except UnreadableFileError as error:
        return UnreadFile(found, error.code, str(error)).as_json()


class _SizedReader(io.BufferedReader):
    """A file that is never asked for more than it holds.

    A read reserves memory for what is asked for, and damaged files state sizes of gigabytes.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; all that is left when it is negative or None."""
        if size is not None and size > _LARGE_READ:
            left = os.fstat(self.fileno()).st_size - self.tell()
            size = max(0, min(size, left))
        return super().read(size)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """The file, and what fails with it as UnreadableFileError."""
    try:
        with _SizedReader(io.FileIO(paths.to_bytes(path))) as file:
            yield file
    except FileNotFoundError as error:
        raise UnreadableFileError(ProblemCode.VANISHED, "the file is no longer there") from error
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        raise UnreadableFileError(ProblemCode.UNREADABLE, message) from error


def _contents(file: BinaryIO, size: int, extension: str) -> Contents:
    """What the file holds. Whatever a damaged file makes a reader raise, it is told as that."""
    if size == 0:
        raise UnreadableFileError(ProblemCode.EMPTY, "the file is empty")
    container = container_of(file, extension)
    file.seek(0)
    try:
        return _READERS[container](file, size)
    except UnreadableFileError:
        raise
    except Exception as error:  # mutagen raises nearly anything on damaged files
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's fault, unlike a seek to a place that cannot be
        if _out_of_memory(error):
            message = f"reading it as {container} needs more memory than is allowed"
            raise UnreadableFileError(ProblemCode.TOO_MUCH_MEMORY, message) from error
        message = f"damaged {container} file: {cleaned(str(error)) or type(error).__name__}"
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
