"""An excerpt from the middle of a file, decoded by soundfile or PyAV, each the other's fallback.

Neither ever decodes the whole file: both seek. libsndfile reads mp3, flac, ogg, wav and aiff;
FFmpeg, in PyAV, all the rest, and Opus twice as fast. Each fails on files that the other reads.
What comes back has at most 48 kHz and one or two channels (more are mixed down, and the loudness is
that of the mix): neither 192 kHz nor 16 channels take more memory than music usually does.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import soundfile
import soxr
from av.container import InputContainer

from db.files import opened
from db.sql import path_text
from jobs.audio_analysis.spectrum import Array, Excerpt
from jobs.errors import UnreadableFileError
from jobs.records import ProblemCode

HIGHEST_RATE = 48_000
"""Samples a second that are kept."""
LOWEST_RATE = 1_000
_BLOCK_SECONDS = 5.0
_LEAST_SECONDS = 0.05
_PIECE = 1024 * 1024
_ENOUGH = 0.5
"""The part of the excerpt that must be there, or else the other decoder is tried as well."""
_MOST_BAD_PACKETS = 50
_LENIENT: dict[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "ignore"}
)
"""Tags that are no UTF-8 are no fault. From PyAV 19 on they never are, and the argument is gone."""
_SOUNDFILE = frozenset(("mp3", "mp2", "flac", "ogg", "oga", "wav", "aif", "aiff", "aifc"))
"""Extensions that libsndfile is asked first for."""


class ExcerptRequest(NamedTuple):
    """What of which file is wanted."""

    path: str
    """In the text form of `db.sql.path_text`."""
    seconds: float
    """How long the excerpt is to be."""
    duration: float | None
    """How long the track is by its tags, where the decoder does not know."""
    begin: float | None = None
    """Where a track begins that is a part of the file, in seconds; None: the file is the track."""

    def span(self, whole: float | None) -> tuple[float, float]:
        """Where the track begins and ends in a file that has so many seconds, as far as known."""
        if self.begin is None:
            return 0.0, whole or self.duration or 0.0
        ends = [end for end in (whole, self.duration and self.begin + self.duration) if end]
        return self.begin, max(self.begin, min(ends, default=self.begin + self.seconds))


_Decoder = Callable[[ExcerptRequest], Excerpt]
_FAULTS = (RuntimeError, ValueError, TypeError, OSError, ArithmeticError, LookupError)
"""What the decoders raise at damaged files; FFmpegError and LibsndfileError are among these."""


def decode(wanted: ExcerptRequest) -> Excerpt:
    """The middle of the track; all of it when it is shorter.

    Raises UnreadableFileError, which says what each decoder said.
    """
    try:
        with open(opened(path_text.to_bytes(wanted.path)), "rb") as file:
            if not file.read(1):
                raise UnreadableFileError(ProblemCode.EMPTY, "the file is empty")
    except FileNotFoundError as error:
        raise UnreadableFileError(ProblemCode.VANISHED, "the file is no longer there") from error
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        raise UnreadableFileError(ProblemCode.UNREADABLE, message) from error
    return _best(wanted, _in_order(wanted.path))


def _in_order(path: str) -> Sequence[tuple[str, _Decoder]]:
    decoders = [("soundfile", by_soundfile), ("pyav", by_pyav)]
    is_first = Path(path).suffix[1:].lower() in _SOUNDFILE
    return decoders if is_first else decoders[::-1]


def _best(wanted: ExcerptRequest, decoders: Sequence[tuple[str, _Decoder]]) -> Excerpt:
    """The first excerpt that is as long as it should be, else the longest."""
    found: list[Excerpt] = []
    faults: list[str] = []
    for name, decoder in decoders:
        try:
            excerpt = decoder(wanted)
        except _FAULTS as error:
            faults.append(f"{name}: {_message_of(error)}")
            continue
        found.append(excerpt)
        whole = wanted.duration or excerpt.stated or wanted.seconds
        if excerpt.seconds >= _ENOUGH * min(wanted.seconds, whole):
            break
    if not found:
        _check_readable(wanted.path)
        message = f"no decoder can decode it ({'; '.join(faults)})"
        raise UnreadableFileError(ProblemCode.DAMAGED, message)
    longest = max(found, key=lambda excerpt: excerpt.seconds)
    if longest.seconds < _LEAST_SECONDS:
        message = f"{longest.seconds:.3f} s of audio are too little to analyse"
        raise UnreadableFileError(ProblemCode.EMPTY, message)
    return longest


def _check_readable(path: str) -> None:
    """Raises UnreadableFileError when it is the disk that fails, and not the file that is damaged.

    Decoders say the same of both.
    """
    try:
        with open(path_text.to_bytes(path), "rb", buffering=0) as file:
            while file.read(_PIECE):
                pass
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        raise UnreadableFileError(ProblemCode.UNREADABLE, message) from error


def _message_of(error: Exception) -> str:
    """What a decoder says is wrong, without the path that some put before it."""
    said = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
    return path_text.readable(str(said)) or type(error).__name__


def by_soundfile(wanted: ExcerptRequest) -> Excerpt:
    """Decoded by libsndfile. Raises one of _FAULTS."""
    return _from_middle_or_start(_by_soundfile, wanted)


def by_pyav(wanted: ExcerptRequest) -> Excerpt:
    """Decoded by FFmpeg. Raises one of _FAULTS."""
    return _from_middle_or_start(_by_pyav, wanted)


def _from_middle_or_start(
    decoder: Callable[[ExcerptRequest, bool], Excerpt], wanted: ExcerptRequest
) -> Excerpt:
    """The beginning where the middle is empty: a damaged file is shorter than it says."""
    excerpt = decoder(wanted, True)
    return excerpt if excerpt.seconds >= _LEAST_SECONDS else decoder(wanted, False)


def _by_soundfile(wanted: ExcerptRequest, middle: bool) -> Excerpt:
    with soundfile.SoundFile(path_text.to_bytes(wanted.path)) as file:
        rate = _plausible(file.samplerate)
        begin, end = (round(each * rate) for each in wanted.span(file.frames / rate))
        length = round(_length(wanted, begin / rate, end / rate) * rate)
        start = begin + (max(0, (end - begin - length) // 2) if middle else 0)
        if start:
            try:
                file.seek(start)
            except RuntimeError:  # damaged on the way: what can be had from the beginning
                if wanted.begin is not None:
                    raise
                start = 0
                file.seek(0)
        samples = _joined(_soundfile_blocks(file, length, rate), rate)
        offset, stated = (start - begin) / rate, (end - begin) / rate
        return Excerpt(samples, min(rate, HIGHEST_RATE), offset, "soundfile", stated)


def _length(wanted: ExcerptRequest, begin: float, end: float) -> float:
    """How many seconds to decode: of a part none of what follows it."""
    return wanted.seconds if wanted.begin is None else min(wanted.seconds, end - begin)


def _soundfile_blocks(file: soundfile.SoundFile, length: int, rate: int) -> Iterator[Array]:
    """Blocks of shape (samples, channels); a fault in the middle ends them, with what there was."""
    size = round(_BLOCK_SECONDS * rate)
    done = 0
    while done < length:
        try:
            block = file.read(min(size, length - done), dtype="float32", always_2d=True)
        except RuntimeError:
            if not done:
                raise
            return
        if not len(block):
            return
        done += len(block)
        yield block if block.shape[1] <= 2 else block.mean(axis=1, keepdims=True)


def _by_pyav(wanted: ExcerptRequest, middle: bool) -> Excerpt:
    with (
        open(opened(path_text.to_bytes(wanted.path)), "rb") as file,
        av.open(file, "r", **_LENIENT) as container,
    ):
        if not container.streams.audio:
            raise ValueError("no audio in it")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        rate = _plausible(stream.codec_context.sample_rate)
        stated = container.duration / av.time_base if container.duration else None
        begin, end = wanted.span(stated)
        seconds = _length(wanted, begin, end)
        start = begin + (max(0.0, (end - begin - seconds) / 2) if middle else 0.0)
        if start and not _is_sought(container, stream, start) and wanted.begin is None:
            start = 0.0
        blocks = _pyav_blocks(_Frames(container, stream), start, round(seconds * rate))
        samples = _joined(blocks, rate)
        stated = stated if wanted.begin is None else end - begin
        return Excerpt(samples, min(rate, HIGHEST_RATE), start - begin, "pyav", stated)


def _is_sought(container: InputContainer, stream: av.AudioStream, start: float) -> bool:
    """Whether reading goes on at this second; else at the beginning, and is slower to get there."""
    try:
        container.seek(int((start + _first_second(stream)) * av.time_base))
    except av.FFmpegError:
        return False
    return True


def _first_second(stream: av.AudioStream) -> float:
    """The time stamp that the stream begins with."""
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)


class _Frames:
    """The frames that a stream decodes to, some broken packets left out."""

    def __init__(self, container: InputContainer, stream: av.AudioStream) -> None:
        self._container = container
        self._stream = stream
        self.first_second = _first_second(stream)

    def __iter__(self) -> Iterator[av.AudioFrame]:
        whole = broken = 0
        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                broken += 1
                if broken <= _MOST_BAD_PACKETS:
                    continue
                if whole:
                    return
                raise
            whole += len(frames)
            yield from frames


def _pyav_blocks(frames: _Frames, start: float, length: int) -> Iterator[Array]:
    """Blocks of planar float from second `start` on: a seek lands a little before it."""
    resampler = None
    done, passed = 0, False
    for frame in frames:
        if not passed and frame.time is not None:
            end = frame.time - frames.first_second + frame.samples / frame.sample_rate
            if end <= start:
                continue
        passed = True
        if resampler is None:
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=frame.sample_rate)
        for part in resampler.resample(frame):
            block: Array = part.to_ndarray().T[: length - done].astype(np.float32, copy=False)
            done += len(block)
            yield block
        if done >= length:
            return


def whole_blocks(path: str) -> Iterator[tuple[int, Array]]:
    """All of a file, block by block, each with its samples a second; at most two channels.

    Damage in the middle ends it, with what there was. Raises UnreadableFileError.
    """
    wanted = ExcerptRequest(path, inf, None)
    faults: list[str] = []
    readers = {"soundfile": _whole_by_soundfile, "pyav": _whole_by_pyav}
    for name, _ in _in_order(path):
        done = False
        try:
            for each in readers[name](wanted):
                done = True
                yield each
        except _FAULTS as error:
            faults.append(f"{name}: {_message_of(error)}")
        if done:
            return
    _check_readable(path)
    message = f"no decoder can decode it ({'; '.join(faults)})"
    raise UnreadableFileError(ProblemCode.DAMAGED, message)


def _whole_by_soundfile(wanted: ExcerptRequest) -> Iterator[tuple[int, Array]]:
    with soundfile.SoundFile(path_text.to_bytes(wanted.path)) as file:
        rate = _plausible(file.samplerate)
        for block in _soundfile_blocks(file, sys.maxsize, rate):
            yield rate, block


def _whole_by_pyav(wanted: ExcerptRequest) -> Iterator[tuple[int, Array]]:
    with (
        open(opened(path_text.to_bytes(wanted.path)), "rb") as file,
        av.open(file, "r", **_LENIENT) as container,
    ):
        if not container.streams.audio:
            raise ValueError("no audio in it")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        rate = _plausible(stream.codec_context.sample_rate)
        for block in _pyav_blocks(_Frames(container, stream), 0.0, sys.maxsize):
            yield rate, block


def _joined(blocks: Iterator[Array], rate: int) -> Array:
    """All the blocks, at HIGHEST_RATE at most, without what is no number, in -8..8."""
    slower = None
    parts: list[Array] = []
    for block in blocks:
        if rate > HIGHEST_RATE:
            slower = slower or soxr.ResampleStream(
                rate, HIGHEST_RATE, block.shape[1], dtype="float32", quality="MQ"
            )
            parts.append(slower.resample_chunk(np.ascontiguousarray(block, np.float32)))
        else:
            parts.append(block)
    if not parts:
        return np.zeros((0, 1), np.float32)
    samples = np.concatenate(parts).astype(np.float32, copy=False)
    if not np.isfinite(samples.sum()):
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(samples, -8, 8, out=samples)


def _plausible(rate: int) -> int:
    if not LOWEST_RATE <= rate <= 1_000_000:
        raise ValueError(f"{rate} samples a second")
    return int(rate)
