"""Encoding a tune and tagging its file, in the way of its format.

libsndfile encodes; mutagen writes ID3v2.4 tags into MP3 and WAV and Vorbis comments into the rest,
under the names that MusicBrainz Picard gives them.
"""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import mutagen
import soundfile
from mutagen import id3
from mutagen.flac import FLAC, Picture
from mutagen.ogg import OggPage

from demo.catalogue import invented_id
from demo.tunes import Wave

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
}
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
_RECORDING = "musicbrainz_trackid"
_FRONT, _BACK = 3, 4
"""Picture types of ID3v2."""


def write(
    path: Path, tune: Wave, tags: Tags, front: bytes | None = None, back: bytes | None = None
) -> None:
    """Write a tune to `path`, whose suffix names the format, with tags and JPEG pictures."""
    _encode(path, tune)
    pictures = [(_BACK, back), (_FRONT, front)]
    given = [(picture_type, data) for picture_type, data in pictures if data is not None]
    file = mutagen.File(path)
    if path.suffix in {".mp3", ".wav"}:
        file.add_tags()
        for frame in _frames(tags, given):
            file.tags.add(frame)
        file.save(v2_version=4)
    else:
        file.update(tags)
        _add_pictures(file, given)
        file.save()
    if path.suffix in {".ogg", ".opus"}:
        _number_stream(path)


def _encode(path: Path, tune: Wave) -> None:
    container, encoding = _ENCODINGS[path.suffix[1:]]
    with soundfile.SoundFile(path, "w", RATE, tune.shape[1], encoding, format=container) as file:
        for start in range(0, len(tune), RATE):  # libsndfile's Vorbis fails on long pieces
            file.write(tune[start : start + RATE])


def _frames(tags: Tags, pictures: Iterable[tuple[int, bytes]]) -> Iterable[Any]:
    """The tags and pictures as ID3 frames."""
    for name, values in tags.items():
        if name in _TEXT_FRAMES:
            yield getattr(id3, _TEXT_FRAMES[name])(encoding=id3.Encoding.UTF8, text=values)
        elif name in _USER_FRAMES:
            yield id3.TXXX(encoding=id3.Encoding.UTF8, desc=_USER_FRAMES[name], text=values)
        elif name in _NUMBER_FRAMES:
            frame, total = _NUMBER_FRAMES[name]
            yield getattr(id3, frame)(text=[f"{values[0]}/{tags[total][0]}"])
        elif name == _RECORDING:
            yield id3.UFID(owner="http://musicbrainz.org", data=values[0].encode())
    for picture_type, data in pictures:
        yield id3.APIC(mime="image/jpeg", type=picture_type, desc=str(picture_type), data=data)


def _add_pictures(file: Any, pictures: Iterable[tuple[int, bytes]]) -> None:
    """Put pictures into a FLAC's own blocks, or into the comments of an Ogg stream."""
    for picture_type, data in pictures:
        picture = Picture()
        picture.type, picture.mime, picture.data = picture_type, "image/jpeg", data
        if isinstance(file, FLAC):
            file.add_picture(picture)
        else:
            encoded = base64.b64encode(picture.write()).decode("ascii")
            file.setdefault("metadata_block_picture", []).append(encoded)


def _number_stream(path: Path) -> None:
    """Give an Ogg stream a number of its own; libsndfile draws one by lot."""
    number = int(invented_id("stream", path.name)[:8], 16)
    pages = []
    with path.open("rb") as file:
        while True:
            try:
                pages.append(OggPage(file))
            except EOFError:
                break
    for page in pages:
        page.serial = number
    path.write_bytes(b"".join(page.write() for page in pages))
