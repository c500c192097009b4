"""The demo library in a folder."""

import tempfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from demo import files, pictures, tunes
from demo.catalogue import ALBUMS, Album, Song, invented_id
from demo.sounds import Wave

Play = Callable[[Song, str], Wave]
SECONDS = 13.0
"""About how long a track is; it ends with a bar."""


class Track(NamedTuple):
    """A song at its place on an album."""

    album: Album
    song: Song
    disc: int
    number: int

    @property
    def path(self) -> str:
        """Its file, below the library's folder."""
        folder = self.album.folder
        if len(self.album.discs) > 1:
            folder += f"/CD{self.disc}"
        return f"{folder}/{self.number:02d} {self.song.title}.{self.album.suffix}"

    @property
    def tags(self) -> dict[str, list[str]]:
        """Its tags, by the names of Vorbis comments."""
        album, song = self.album, self.song
        tags = {
            "title": [song.title],
            "artist": list(album.artists_of(song)),
            "album": [album.title],
            "albumartist": [album.artist],
            "tracknumber": [str(self.number)],
            "tracktotal": [str(len(album.discs[self.disc - 1]))],
            "discnumber": [str(self.disc)],
            "disctotal": [str(len(album.discs))],
            "date": [album.date],
            "genre": list(album.genres),
            "bpm": [str(song.bpm)],
            "initialkey": [song.key],
        }
        if album.compilation:
            tags["compilation"] = ["1"]
        return tags | self._ids() if album.has_ids else tags

    def _ids(self) -> dict[str, list[str]]:
        album, song = self.album, self.song
        return {
            "label": ["Musicfleet Recordings"],
            "catalognumber": [f"MF {ALBUMS.index(album) + 1:03d}"],
            "musicbrainz_trackid": [invented_id("recording", album.title, song.title)],
            "musicbrainz_releasetrackid": [invented_id("track", self.path)],
            "musicbrainz_albumid": [invented_id("release", album.title)],
            "musicbrainz_releasegroupid": [invented_id("release-group", album.title)],
            "musicbrainz_artistid": [
                invented_id("artist", name) for name in album.artists_of(song)
            ],
            "musicbrainz_albumartistid": [invented_id("artist", album.artist)],
        }


def tracks() -> Iterator[Track]:
    """Every track of the library."""
    for album in ALBUMS:
        for disc, songs in enumerate(album.discs, start=1):
            for number, song in enumerate(songs, start=1):
                yield Track(album, song, disc, number)


def make(folder: Path, play: Play | None = None) -> bool:
    """Make the library in `folder`; False when there is something in it already.

    `play` makes the samples of a song on an instrument, at the rate of `files`; by default `sound`.
    It appears there complete or not at all. Raises OSError.
    """
    if folder.exists() and any(folder.iterdir()):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".demo-") as name:
        unfinished = Path(name, "music")
        for album in ALBUMS:
            _add_pictures(unfinished, album)
        with ThreadPoolExecutor() as threads:  # encoders and NumPy let other threads run
            list(threads.map(partial(_add_track, unfinished, play or sound), tracks()))
        unfinished.replace(folder)
    return True


def _add_pictures(folder: Path, album: Album) -> None:
    place = folder / album.folder
    place.mkdir(parents=True)
    for name in album.pictures:
        if "." in name:
            picture_format = "PNG" if name.endswith(".png") else "JPEG"
            (place / name).write_bytes(pictures.front(album, picture_format))


def _add_track(folder: Path, play: Play, track: Track) -> None:
    path = folder / track.path
    path.parent.mkdir(exist_ok=True)  # of a disc
    write_track(path, track, play)


def write_track(path: Path, track: Track, play: Play | None = None) -> None:
    """Play a track into a file, tag it, and put its album's embedded pictures into it."""
    album = track.album
    path.write_bytes(files.encoded((play or sound)(track.song, album.sound), album.suffix))
    fronts = [pictures.front(album)] if "embedded" in album.pictures else []
    backs = [pictures.back(album)] if "back" in album.pictures else []
    files.tag(path, track.tags, fronts, backs)


def sound(song: Song, instrument: str, rate: int = files.RATE) -> Wave:
    """The song in stereo: whole bars of it, faded out over the last half second."""
    bar = song.beats_per_bar * 60 / song.bpm
    seconds = bar * max(3, round(SECONDS / bar))
    seed = zlib.crc32(song.title.encode())
    tune = tunes.play(song, tunes.INSTRUMENTS[instrument], tunes.Form(rate, seconds, 2), seed)
    tune[-rate // 2 :] *= np.linspace(1, 0, len(tune[-rate // 2 :]), dtype=np.float32)[:, None]
    return tune
