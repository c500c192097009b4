"""Encoding a sound and tagging its file, in the way of its format.

libsndfile encodes; mutagen writes ID3v2.4 tags into MP3, WAV and AIFF and Vorbis comments into the
rest, under the names that MusicBrainz Picard gives them.
"""

import base64
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mutagen
import soundfile
from mutagen import id3
from mutagen.flac import FLAC, Picture
from mutagen.ogg import OggPage

from demo.sounds import Wave

RATE = 48_000
"""Samples a second; Opus knows no 44,100."""

Tags = Mapping[str, list[str]]
"""Values by the names of Vorbis comments, in lower case."""

_ENCODINGS = {
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
}
_ID3 = {".mp3", ".wav", ".aiff"}
_TEXT_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "composer": "TCOM",
    "date": "TDRC",
    "genre": "TCON",
    "bpm": "TBPM",
    "initialkey": "TKEY",
    "compilation": "TCMP",
    "label": "TPUB",
}
_USER_FRAMES = {
    "catalognumber": "CATALOGNUMBER",
    "musicbrainz_releasetrackid": "MusicBrainz Release Track Id",
    "musicbrainz_albumid": "MusicBrainz Album Id",
    "musicbrainz_releasegroupid": "MusicBrainz Release Group Id",
    "musicbrainz_artistid": "MusicBrainz Artist Id",
    "musicbrainz_albumartistid": "MusicBrainz Album Artist Id",
}
_NUMBER_FRAMES = {"tracknumber": ("TRCK", "tracktotal"), "discnumber": ("TPOS", "disctotal")}
_TOTALS = {total for _, total in _NUMBER_FRAMES.values()}
_RECORDING = "musicbrainz_trackid"
_FRONT, _BACK = 3, 4
"""Picture types of ID3v2."""
_BLOCK = "metadata_block_picture"
"""The comment of an Ogg stream that holds a picture."""


def encoded(sound: Wave, suffix: str, rate: int = RATE) -> bytes:
    """A sound of shape (samples,) or (samples, channels) as a file of this format, untagged."""
    container, encoding = _ENCODINGS[suffix]
    channels = 1 if sound.ndim == 1 else sound.shape[1]
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, channels, encoding, format=container) as file:
        for start in range(0, len(sound), rate):  # libsndfile's Vorbis fails on long pieces
            file.write(sound[start : start + rate])
    if container == "OGG":
        return _numbered(buffer.getvalue(), zlib.crc32(sound.tobytes()))
    return buffer.getvalue()


def tag(path: Path, tags: Tags, fronts: Sequence[bytes] = (), backs: Sequence[bytes] = ()) -> None:
    """Write tags and JPEG pictures into a file whose suffix names its format.

    ID3 has every name: what Picard has no frame for becomes a TXXX frame of that name.
    """
    pictures = [(_BACK, data) for data in backs] + [(_FRONT, data) for data in fronts]
    file = mutagen.File(path)
    if path.suffix in _ID3:
        file.add_tags()
        for frame in _frames(tags, pictures):
            file.tags.add(frame)
        file.save(v2_version=4)
    else:
        file.update(tags)
        _add_pictures(file, pictures)
        file.save()


def _frames(tags: Tags, pictures: Iterable[tuple[int, bytes]]) -> Iterable[Any]:
    """The tags and pictures as ID3 frames."""
    for name, values in tags.items():
        if name in _TEXT_FRAMES:
            yield getattr(id3, _TEXT_FRAMES[name])(encoding=id3.Encoding.UTF8, text=values)
        elif name in _NUMBER_FRAMES:
            frame, total = _NUMBER_FRAMES[name]
            yield getattr(id3, frame)(text=["/".join([values[0], *tags.get(total, ())[:1]])])
        elif name == _RECORDING:
            yield id3.UFID(owner="http://musicbrainz.org", data=values[0].encode())
        elif name not in _TOTALS:
            described = _USER_FRAMES.get(name, name)
            yield id3.TXXX(encoding=id3.Encoding.UTF8, desc=described, text=values)
    for number, (picture_type, data) in enumerate(pictures):
        yield id3.APIC(mime="image/jpeg", type=picture_type, desc=str(number), data=data)


def _add_pictures(file: Any, pictures: Iterable[tuple[int, bytes]]) -> None:
    """Put pictures into a FLAC's own blocks, or into the comments of an Ogg stream."""
    for picture_type, data in pictures:
        picture = Picture()
        picture.type, picture.mime, picture.data = picture_type, "image/jpeg", data
        if isinstance(file, FLAC):
            file.add_picture(picture)
        else:
            encoded = base64.b64encode(picture.write()).decode("ascii")
            file[_BLOCK] = [*file.get(_BLOCK, ()), encoded]


def _numbered(ogg: bytes, number: int) -> bytes:
    """An Ogg stream with this number; libsndfile draws one by lot."""
    file, pages = io.BytesIO(ogg), []
    while file.tell() < len(ogg):
        pages.append(OggPage(file))
    for page in pages:
        page.serial = number
    return b"".join(page.write() for page in pages)
