"""The demo library: what the catalogue says is what the fleet reads."""

import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from db.scanning.library_files import refused_root
from db.sql.path_text import to_text
from demo import files, sounds
from demo.catalogue import ALBUMS, Song
from demo.library import Track, make, sound, tracks, write_track
from demo.sounds import Wave, key_named
from jobs.metadata.reader import read_files
from jobs.records import FoundFile, TrackRecord, UnreadFile

TRACKS = list(tracks())
LOW_RATE = 4_000
"""Samples a second, enough to tell that there is a sound."""
ONE_OF_EACH_FORMAT = list({track.album.suffix: track for track in TRACKS}.values())


def tone(song: Song, _: str) -> Wave:
    """Three tenths of a second in place of a song."""
    return sounds.tone(200 + zlib.crc32(song.title.encode()) % 300, 0.3, files.RATE)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, but for its sound."""
    folder = tmp_path_factory.mktemp("demo") / "music"
    assert make(folder, tone)
    return folder


@pytest.fixture(scope="module")
def read(library: Path) -> dict[str, TrackRecord | UnreadFile]:
    found = [found_file(library / track.path) for track in TRACKS]
    return {track.path: each for track, each in zip(TRACKS, read_files(found), strict=True)}


def found_file(path: Path) -> FoundFile:
    status = path.stat()
    return FoundFile(to_text(bytes(path)), status.st_size, status.st_mtime_ns)


def test_it_has_five_formats_and_a_handful_of_albums() -> None:
    assert {album.suffix for album in ALBUMS} == {"flac", "mp3", "ogg", "opus", "wav"}
    assert len(ALBUMS) == 6
    assert len(TRACKS) == 40


def test_it_holds_nothing_but_its_tracks_and_pictures(library: Path) -> None:
    there = {str(path.relative_to(library)) for path in library.rglob("*") if path.is_file()}
    beside = {
        f"{album.folder}/{name}" for album in ALBUMS for name in album.pictures if "." in name
    }
    assert there == {track.path for track in TRACKS} | beside


@pytest.mark.parametrize("track", TRACKS, ids=lambda track: track.song.title)
def test_each_track_is_read_with_the_tags_of_the_catalogue(
    track: Track, read: dict[str, TrackRecord | UnreadFile]
) -> None:
    record = read[track.path]
    assert isinstance(record, TrackRecord)
    tags, album = record.tags, track.album
    assert (tags.title, tags.album, tags.date) == (track.song.title, album.title, album.date)
    assert tuple(tags.artists) == album.artists_of(track.song)
    assert tags.album_artists == [album.artist]
    assert (tags.track, tags.disc) == (track.number, track.disc)
    assert (tags.track_total, tags.disc_total) == (
        len(album.discs[track.disc - 1]),
        len(album.discs),
    )
    assert tuple(tags.genres) == album.genres
    assert (tags.bpm, tags.key) == (track.song.bpm, track.song.key)
    assert tags.compilation == album.compilation
    assert bool(tags.musicbrainz_release_id) == album.has_ids


@pytest.mark.parametrize("track", TRACKS, ids=lambda track: track.song.title)
def test_each_song_sounds_for_ten_to_twenty_seconds(track: Track) -> None:
    samples = sound(track.song, track.album.sound, LOW_RATE)
    assert 10 < len(samples) / LOW_RATE < 20
    assert np.sqrt(np.mean(samples**2)) > 0.02
    assert np.array_equal(samples, sound(track.song, track.album.sound, LOW_RATE))


@pytest.mark.parametrize("track", ONE_OF_EACH_FORMAT, ids=lambda track: track.album.suffix)
def test_a_track_is_its_song(track: Track, tmp_path: Path) -> None:
    path = tmp_path / Path(track.path).name
    write_track(path, track)
    samples, rate = soundfile.read(path)
    (record,) = read_files([found_file(path)])
    assert isinstance(record, TrackRecord)
    assert record.audio.duration == pytest.approx(len(samples) / rate, abs=0.1)
    song = sound(track.song, track.album.sound, LOW_RATE)
    assert len(samples) / rate == pytest.approx(len(song) / LOW_RATE, abs=0.1)
    assert np.sqrt(np.mean(samples**2)) > 0.02


def test_albums_have_the_pictures_that_the_catalogue_names(
    library: Path, read: dict[str, TrackRecord | UnreadFile]
) -> None:
    kinds: Counter[tuple[str, int]] = Counter()
    for track in TRACKS:
        record = read[track.path]
        assert isinstance(record, TrackRecord)
        kinds.update((track.album.title, picture.type) for picture in record.pictures)
    assert kinds == {
        ("Lanterns on the Canal", 3): 7,
        ("Night Bus Timetable", 3): 7,
        ("Études pour petites chambres", 4): 6,
    }
    for path in [*library.rglob("*.jpg"), *library.rglob("*.png")]:
        with Image.open(path) as picture:
            assert picture.size == (600, 600)


def test_ids_are_those_of_nothing_in_musicbrainz(
    read: dict[str, TrackRecord | UnreadFile],
) -> None:
    records = [record for record in read.values() if isinstance(record, TrackRecord)]
    ids = {record.tags.musicbrainz_recording_id for record in records} - {None}
    assert len(ids) == 35
    assert {each[14] for each in ids if each} == {"5"}  # MusicBrainz gives version 4


@pytest.mark.parametrize("track", ONE_OF_EACH_FORMAT, ids=lambda track: track.album.suffix)
def test_a_file_is_the_same_whenever_it_is_made(
    track: Track, library: Path, tmp_path: Path
) -> None:
    again = tmp_path / Path(track.path).name
    write_track(again, track, tone)
    assert again.read_bytes() == (library / track.path).read_bytes()


@pytest.mark.parametrize(
    "song", [TRACKS[0].song, TRACKS[8].song, TRACKS[14].song], ids=lambda song: song.key
)
def test_a_tune_keeps_to_its_key(song: Song) -> None:
    rate = 24_000
    tune = sound(song, "organ", rate).mean(axis=1)
    power = np.abs(np.fft.rfft(tune)) ** 2
    frequencies = np.fft.rfftfreq(len(tune), 1 / rate)
    heard = (frequencies > 110) & (frequencies < 1000)
    pitch_classes = np.round(69 + 12 * np.log2(frequencies[heard] / 440)).astype(int) % 12
    tonic, scale = key_named(song.key)
    steps = {*scale, 11}  # the leading note too, which the dominant of a minor key has
    in_key = np.isin(pitch_classes, [(tonic + step) % 12 for step in steps])
    assert power[heard][in_key].sum() > 0.95 * power[heard].sum()


@pytest.mark.parametrize(
    ("key", "tonic", "third"), [("C", 0, 4), ("F#m", 6, 3), ("Bb", 10, 4), ("Ebm", 3, 3)]
)
def test_keys_are_understood(key: str, tonic: int, third: int) -> None:
    found, scale = key_named(key)
    assert (found, scale[2]) == (tonic, third)


def test_a_library_that_is_there_is_left_alone(library: Path) -> None:
    removed = library / TRACKS[0].path
    content = removed.read_bytes()
    removed.unlink()
    assert not make(library)
    assert not removed.exists()
    removed.write_bytes(content)


def test_the_command_prints_the_folder_in_the_data_folder_which_may_be_scanned(
    data_dir: Path, library: Path
) -> None:
    (data_dir / "demo-music").symlink_to(library)
    command = [sys.executable, "-m", "demo"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == f"{data_dir / 'demo-music'}\n"
    assert result.stderr == ""
    assert refused_root(result.stdout.strip(), str(data_dir)) is None


def test_a_folder_that_cannot_be_written_is_told_in_one_line(data_dir: Path) -> None:
    (data_dir / "file").touch()
    command = [sys.executable, "-m", "demo", str(data_dir / "file/music")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "cannot be written" in result.stderr
