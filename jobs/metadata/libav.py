"""Matroska and WebM, and what no other reader can read: by FFmpeg, in PyAV.

PyAV is imported when the first such file comes: it takes a tenth of a second and 100 MiB of address
space. Only containers of sound and video are tried. FFmpeg would else open playlists, and what they
name on disk and on the web.

Sources: https://www.matroska.org/technical/tagging.html and attachments.html ("cover.jpg" is the
front), libavformat/matroskadec.c ("ALBUM/TITLE": a tag of the album as a whole).
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, BinaryIO

from jobs.errors import UnreadableFileError
from jobs.metadata.contents import (
    FRONT_COVER,
    OTHER,
    SILENT,
    Contents,
    Picture,
    RawTags,
    Reader,
    by_folded_name,
    mapped,
    picture,
)
from jobs.records import AudioProperties, ProblemCode
from jobs.tags import FREE_NAMES

if TYPE_CHECKING:
    from av.audio import AudioStream
    from av.container import InputContainer

_MATROSKA = "matroska,webm"
_FORMATS = (
    *(_MATROSKA, "mov,mp4,m4a,3gp,3g2,mj2", "asf", "avi", "flv", "mpeg", "mpegts", "rm", "nut"),
    *("wav", "w64", "aiff", "caf", "au", "iff", "voc", "dsf", "nistsphere", "paf", "ircam"),
    *("mp3", "aac", "ac3", "eac3", "dts", "dtshd", "truehd", "mlp", "amr", "gsm", "oma", "aa"),
    *("ogg", "flac", "ape", "wv", "tta", "tak", "mpc", "mpc8", "shn", "osq", "vqf", "adx", "qcp"),
)
"""The demuxers that are tried, by their names in FFmpeg."""
_CONTAINERS = {_MATROSKA: "matroska", "mov,mp4,m4a,3gp,3g2,mj2": "mp4", "wv": "wavpack"}
_CODECS = {
    **dict.fromkeys(("wmav1", "wmav2"), "wma"),
    **dict.fromkeys(("amr_nb", "amr_wb"), "amr"),
    **{"pcm_alaw": "alaw", "pcm_mulaw": "mulaw", "mp4als": "als", "shorten": "shorten"},
    **dict.fromkeys(("musepack7", "musepack8"), "musepack"),
}
_NAMES = {
    **{"albumtitle": "album", "albumartist": "album_artist_credit", "tracktitle": "title"},
    **{
        "trackartist": "artist_credit",
        "albumtotalparts": "track_total",
        "totalparts": "track_total",
    },
    **{"albumdatereleased": "date", "datereleased": "date", "datetagged": "date"},
    **FREE_NAMES,
    **{"partnumber": "track", "daterecorded": "date", "albumpublisher": "labels"},
}
"""By `jobs.metadata.text.folded` name: those of Matroska, and what FFmpeg calls those of others."""
_FAULTS = (RuntimeError, ValueError, TypeError, OSError, ArithmeticError, LookupError)
"""What PyAV raises at damaged files, beside its own FFmpegError."""
_FEW_PACKETS = 200
_IDENTIFIED = 64 * 1024
"""Bytes of sound by which it is known: some seconds, as they are encoded."""
_MOST_PASSED = 32 * 1024 * 1024
"""Bytes of all streams that are read for these: a film has much between."""
_MOST_WALKED = 256 * 1024 * 1024
"""Bytes that are read of a file that does not say how long it is."""


def _read(file: BinaryIO, _size: int) -> Contents:
    """The contents of any file that FFmpeg knows. Raises UnreadableFileError without sound."""
    import av  # noqa: PLC0415  # see above

    file.seek(0)
    try:
        with av.open(file, "r", **_options()) as opened:
            contents = _contents(opened)
        contents.sound_id = _sound_id(file, contents.audio)
        return contents
    except av.FFmpegError as error:
        message = f"FFmpeg cannot read it: {error.strerror}"
        raise UnreadableFileError(ProblemCode.DAMAGED, message) from error


def last_resort(file: BinaryIO, size: int) -> Contents | None:
    """What FFmpeg makes of a file that its own reader gave up; None when it is no sound either.

    FFmpeg takes much for sound that is none, so that some of it has to be decoded.
    """
    import av  # noqa: PLC0415  # see above

    try:
        contents = _read(file, size)
        if not contents.audio.sample_rate or not contents.audio.channels:
            return None
        file.seek(0)
        with av.open(file, "r", **_options()) as opened:
            return contents if _is_decoded(opened) else None
    except (UnreadableFileError, MemoryError, av.FFmpegError, *_FAULTS):
        return None


def _sound_id(file: BinaryIO, audio: AudioProperties) -> str | None:
    """A digest of the first packets of sound, as they are stored, and of codec and length.

    Tags, pictures and where the container keeps them are no part of it. None of damaged sound.
    """
    import av  # noqa: PLC0415  # see above

    seconds = round(audio.duration or 0)
    about = (audio.codec, audio.sample_rate, audio.channels, seconds)
    digest, left, passed = blake2b(repr(about).encode(), digest_size=16), _IDENTIFIED, 0
    file.seek(0)
    try:
        with av.open(file, "r", **_options()) as opened:
            index = opened.streams.audio[0].index
            for packet in opened.demux():
                passed += packet.size
                if packet.stream.index == index and packet.size:
                    digest.update(bytes(packet)[:left])
                    left -= packet.size
                if left <= 0 or passed > _MOST_PASSED:
                    break
    except (MemoryError, av.FFmpegError, *_FAULTS):
        return None
    return digest.hexdigest() if left < _IDENTIFIED else None


def _options() -> dict[str, Any]:
    """How a file is opened. Tags that are no UTF-8 are no fault; from PyAV 19 on they never are."""
    import av  # noqa: PLC0415  # see above

    lenient = int(av.__version__.partition(".")[0]) < 19
    formats = {"options": {"format_whitelist": ",".join(_FORMATS)}}
    return formats | ({"metadata_errors": "ignore"} if lenient else {})


def _contents(opened: "InputContainer") -> Contents:
    stills = [each for each in opened.streams.video if _is_picture(each)]
    is_video = len(opened.streams.video) > len(stills)
    if not opened.streams.audio and is_video:
        raise UnreadableFileError(ProblemCode.SILENT_VIDEO, SILENT)
    if not opened.streams.audio:
        raise UnreadableFileError(ProblemCode.NOT_AUDIO, "the container holds no sound track")
    stream = opened.streams.audio[0]
    context: Any = stream.codec_context  # None for a codec that FFmpeg does not know
    pictures = list(_attached(opened, stills))
    name = opened.format.name
    if context is None:
        message = "FFmpeg does not know the codec of the sound in it"
        raise UnreadableFileError(ProblemCode.UNSUPPORTED, message)
    audio = AudioProperties(
        codec=_codec(context.codec.canonical_name),
        container=_CONTAINERS.get(name, name.partition(",")[0]),
        duration=_duration(opened, stream),
        bit_rate=context.bit_rate or None,
        sample_rate=context.sample_rate,
        bit_depth=_bit_depth(context),
        channels=context.channels,
    )
    tags = _tags(opened.metadata, stream.metadata)
    return Contents(audio, tags, pictures, is_video=is_video)


def _codec(name: str) -> str:
    return "pcm" if name.startswith(("pcm_s", "pcm_u", "pcm_f")) else _CODECS.get(name, name)


def _bit_depth(context: Any) -> int | None:  # an AudioCodecContext
    """Of PCM, whose name has it; of lossless codecs FFmpeg does not say more than 16."""
    name = context.codec.canonical_name
    digits = "".join(filter(str.isdigit, name))
    if name.startswith("pcm_") and digits:
        return int(digits)
    is_lossless = name in {"flac", "alac", "wavpack", "tta", "ape", "shorten"}
    return 16 if is_lossless and context.format and context.format.bytes == 2 else None


def _is_picture(stream: Any) -> bool:  # a VideoStream
    from av.stream import Disposition  # noqa: PLC0415  # see above

    return bool(stream.disposition & Disposition.attached_pic)


def _attached(opened: "InputContainer", stills: list[Any]) -> Iterator[Picture]:
    """The pictures that are attached: FFmpeg makes streams of them, each of one packet."""
    waiting = {each.index: each for each in stills}
    for packet in opened.demux(stills) if stills else ():
        if packet.stream.index in waiting and packet.size:
            still = waiting.pop(packet.stream.index)
            declared = still.metadata.get("mimetype", "")
            yield from _picture(still.metadata.get("filename", "cover"), declared, bytes(packet))
        if not waiting or not packet.size:
            break


def _picture(name: str, declared: str, data: bytes) -> Iterator[Picture]:
    kind = FRONT_COVER if name.lower().startswith("cover") else OTHER
    if found := picture(kind, declared, data):
        yield found


def _tags(of_file: Mapping[str, str], of_stream: Mapping[str, str]) -> RawTags:
    """The fields; a stream has tags of its own where the container has none, as in Ogg."""
    pairs = [*of_file.items(), *((k, v) for k, v in of_stream.items() if k not in of_file)]
    return mapped(by_folded_name(pairs), _NAMES)


def _duration(opened: "InputContainer", stream: "AudioStream") -> float | None:
    """Seconds by the stream, else by the container, else by the time of its last packet."""
    import av  # noqa: PLC0415  # see above

    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if opened.duration:
        return opened.duration / av.time_base
    end = read = 0
    for packet in opened.demux(stream):
        read += packet.size
        if packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
        if read > _MOST_WALKED:
            return None
    return float(end * stream.time_base) if end and stream.time_base else None


def _is_decoded(opened: "InputContainer") -> bool:
    """Whether any of the first packets of sound is decoded."""
    import av  # noqa: PLC0415  # see above

    stream = opened.streams.audio[0]
    stream.codec_context.thread_count = 1
    for number, packet in enumerate(opened.demux(stream)):
        try:
            if any(frame.samples for frame in packet.decode()):
                return True
        except av.FFmpegError:
            pass
        if number > _FEW_PACKETS:
            break
    return False


READERS: dict[str, Reader] = {"matroska": _read}
"""By container name."""
