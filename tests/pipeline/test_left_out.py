"""Whatever a scan sees is a track, a problem, a picture or counted as left out, and named."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from db.models import Lyrics, Problem, Track
from db.models import Scan as ScanRow
from db.scanning import problems
from tests.databases import ON_SQLITE
from tests.metadata.muxing import muxed
from tests.music import write_track
from tests.pipeline.conftest import Scan
from worker.cli.report import problems as problems_command
from worker.status.scan_progress import Follower

LINKS = {"out": "/etc", "nowhere": "gone", "again": "../a", "up": "..", "self": "self"}
EMPTY = ("notes.txt", "a.cue", ".DS_Store", ".x.mp3", "cover.jpg", "a.mod", "b.avi", "._1.flac")


def make_everything(library: Path) -> int:
    """A tree of every kind of entry; how many a scan sees, a folder that is left out being one."""
    write_track(library / "a" / "1.flac", title="A", artist="A", album="A")
    (library / "a" / "2.flac").write_bytes(b"no music")
    (library / "a" / "film.mp4").write_bytes(muxed("mp4", "aac", film=True))
    (library / "a" / "song.webm").write_bytes(muxed("webm", "libopus"))
    for name in EMPTY:
        (library / "a" / name).write_bytes(b"x")
    for folder in (".hack", "@Recycle", "@eaDir", ".cache", "quiet", "b"):
        (library / folder).mkdir()
        (library / folder / ("1.mp3" if folder != ".cache" else "x")).write_bytes(b"x")
    (library / "b" / "1.mp3").unlink()
    (library / "quiet" / ".nomedia").touch()
    (library / ".ndignore").write_text("demo*")
    (library / "demo.mp3").touch()
    for name, target in LINKS.items():
        (library / "b" / name).symlink_to(target)
    os.mkfifo(library / "b" / "pipe.mp3")
    return 4 + len(EMPTY) + 5 + 2 + len(LINKS) + 1


def last_scan() -> ScanRow:
    return ScanRow.select().order_by(ScanRow.id.desc()).get()


def test_what_a_scan_sees_is_tracks_problems_pictures_and_what_is_left_out(
    library: Path, scan: Scan
) -> None:
    seen = make_everything(library)
    scan()
    row = last_scan()
    read = Problem.select().where(Problem.stage == "metadata")
    assert (row.found, row.pictures, row.unreadable) == (4, 2, 1)
    assert row.found == len({track.path for track in Track.select()}) + read.count()
    assert row.found + row.pictures + sum(row.left_out.values()) == seen
    summary = Follower([row.id]).summary(1.0)
    assert (summary.tracks, summary.unreadable, summary.left_out["video"]) == (2, 1, 2)
    assert sum(summary.left_out.values()) + summary.tracks + summary.unreadable + 2 == seen
    before = list(Problem.select().where(Problem.stage == "left-out").tuples())
    scan()
    assert list(Problem.select().where(Problem.stage == "left-out").tuples()) == before
    assert last_scan().unchanged == 4


@ON_SQLITE
def test_what_may_be_music_is_a_note_and_no_error_until_a_setting_takes_it_in(
    library: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_everything(library)
    scan()
    listed = json.loads(CliRunner().invoke(problems_command, ["--json"]).stdout)["problems"]
    notes = [row for row in listed if row["stage"] == "left-out"]
    codes = {(row["path"].removeprefix(str(library)), row["code"]) for row in notes}
    assert codes == {
        ("", "hidden-music"),
        ("/a", "hidden-music"),
        ("/a", "video"),
        ("/b", "link-broken"),
    }
    texts = " ".join(row["message"] for row in notes)
    for each in (".hack", "@Recycle", "a.mod", "film.mp4", "b.avi", "out", "nowhere", ".x.mp3"):
        assert each in texts
    assert [each.path for each in problems.listed()] == [f"{library}/a/2.flac"]
    assert problems.count() == 1
    sheets = [row for row in listed if row["stage"] == "cue-sheet"]
    assert [(row["path"], row["code"]) for row in sheets] == [(f"{library}/a/a.cue", "cue")]

    monkeypatch.setenv("FLEET_EXTENSIONS", "mp4")
    monkeypatch.setenv("FLEET_HIDDEN", "on")
    (library / ".hack" / "1.mp3").unlink()
    write_track(library / ".hack" / "2.flac", title="Hack", artist="B", album="B")
    scan()
    names = {track.path.rpartition("/")[2] for track in Track.select()}
    assert names == {"1.flac", "song.webm", "film.mp4", "2.flac"}
    assert last_scan().unchanged == 3


@ON_SQLITE
def test_lyrics_that_may_not_be_read_are_a_note_until_they_may(
    library: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of them stays."""
    song = write_track(library / "a" / "1.flac", title="A", artist="A", album="A")
    song.with_suffix(".lrc").write_text("[00:01.00]words")
    scan()
    may_read = os.access
    monkeypatch.setattr(os, "access", lambda path, _: not path.endswith(b".lrc"))  # as for root
    scan()
    [note] = problems.notes()
    assert (note.path, note.code) == (f"{library}/a", "unreadable")
    assert "1.lrc" in note.message
    assert (Lyrics.select().count(), last_scan().unchanged) == (1, 1)
    song.with_suffix(".lrc").write_text("[00:01.00]other words")
    monkeypatch.setattr(os, "access", may_read)
    scan()
    assert (problems.notes(), Lyrics.get().text) == ([], "[00:01.00]other words")
