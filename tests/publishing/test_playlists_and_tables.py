"""Playlists and tables in a folder of their own."""

import csv
import json
import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from db.models import AudioFeatures, Playlist, PlaylistEntry, Track, User
from db.publishing.written_files import Kind
from tests.databases import ON_BOTH
from tests.music import write_track
from tests.publishing.exports import Exports, times, tree

FORMATS = (Kind.JSON, Kind.CSV, Kind.PARQUET)


@pytest.fixture
def songs(exports: Exports, tmp_path: Path) -> Exports:
    """Twelve songs of odd names, all calm by their tags, and a playlist of a user."""
    for number in range(10):
        file = exports.library / f"Calm/{number}.flac"
        write_track(file, title=f"{number}", artist="Ann", album="Calm", mood="Calm")
    for name in ("#1 hit.flac", "a\nb.flac"):
        write_track(exports.library / name, title="=1+1", artist="Bob", mood="calm")
    exports.scan()
    user = User.create(key="eve", name="eve", password="")
    mine = Playlist.create(user=user, name="Mine: a/b")
    other = Playlist.create(user=user, name="Mine; a\\b")
    for playlist in (mine, other):
        for position, track in enumerate(Track.select().order_by(Track.path)):
            PlaylistEntry.create(playlist=playlist, position=position, track=track)
    return exports


def listed(file: Path) -> list[Path]:
    """The files that a playlist leads to."""
    lines = file.read_bytes().split(b"\n")
    paths = [os.fsdecode(line) for line in lines if line and not line.startswith(b"#")]
    return [
        Path(unquote(path.removeprefix("file://")))
        if path.startswith("file://")
        else file.parent / path
        for path in paths
    ]


@ON_BOTH
def test_playlists_lead_from_their_folder_to_the_files_and_are_refreshed_in_place(
    songs: Exports, tmp_path: Path
) -> None:
    folder = tmp_path / "made" / "lists"
    place = {"folder": str(folder)}
    assert {each["end"] for each in songs.plan(Kind.PLAYLISTS, **place)} == {"written"}
    assert not folder.exists()
    assert songs.run(Kind.PLAYLISTS, **place) == {"written": 3}
    names = {each.name for each in folder.iterdir()}
    assert names == {"Calm.m3u8", "eve - Mine a b.m3u8", "eve - Mine; a b.m3u8"}
    for file in folder.iterdir():
        found = listed(file)
        assert len(found) == 12
        assert all(each.is_file() for each in found)
    assert songs.run(Kind.PLAYLISTS, **place) == {"unchanged": 3}
    Playlist.delete().where(Playlist.name.contains(";")).execute()
    (folder / "Calm.m3u8").write_text("mine")
    assert songs.run(Kind.PLAYLISTS, **place) == {"left out": 1, "unchanged": 1, "removed": 1}
    assert (folder / "Calm.m3u8").read_text() == "mine"
    counts = songs.run(Kind.PLAYLISTS, undo=True, **place)
    assert counts == {"removed": 1, "left out": 2}
    assert tree(tmp_path / "made").keys() == {"lists", "lists/Calm.m3u8"}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_library_is_written_as_tables_once(songs: Exports, tmp_path: Path, kind: Kind) -> None:
    if kind is Kind.PARQUET:
        pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    Track.update(guessed={"title": "file name"}).where(Track.path.contains("hit")).execute()
    AudioFeatures.create(
        track=Track.get(Track.path.contains("hit")).id,
        extractor=2,
        content_id="",
        decoder="pyav",
        start=0,
        seconds=1,
        peak=-1,
        dynamic_range=1,
        bpm=99.5,
    )
    folder = tmp_path / "tables"
    assert songs.run(kind, folder=str(folder)) == {"written": 3}
    before = times(folder)
    rows = read(folder / f"tracks.{kind}", kind)
    assert len(rows) == 12
    hit = next(row for row in rows if "hit" in row["path"])
    guessed = hit["guessed"] if kind is Kind.JSON else json.loads(hit["guessed"])
    assert guessed == {"title": "file name"}
    assert float(hit["found_bpm"]) == 99.5
    artists = {"csv": "Bob"}.get(kind, ["Bob"])
    assert (hit["title"], hit["artists"]) == ("'=1+1" if kind is Kind.CSV else "=1+1", artists)
    assert len(read(folder / f"albums.{kind}", kind)) >= 1
    assert songs.run(kind, folder=str(folder)) == {"unchanged": 3}
    assert times(folder) == before
    assert songs.run(kind, undo=True, folder=str(folder)) == {"removed": 4}
    assert not folder.exists()


def read(file: Path, kind: Kind) -> list[dict[str, object]]:
    """The rows of a table."""
    if kind is Kind.JSON:
        return list(json.loads(file.read_text())[file.stem])
    if kind is Kind.CSV:
        with file.open(newline="") as opened:
            return list(csv.DictReader(opened))
    import pyarrow.parquet as pq  # noqa: PLC0415  # an extra

    return list(pq.read_table(file).to_pylist())
