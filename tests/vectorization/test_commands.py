"""`fleet similar` and `fleet path`, as their user types them."""

import json
from pathlib import Path

import pytest

from db import ledger
from db.models import EntityType, Kind, Track
from db.sql.path_text import to_text
from jobs import vectorization
from tests.databases import open_sqlite
from tests.vectorization.conftest import Library
from worker.cli.fleet import run
from worker.errors import ExitCode

Output = pytest.CaptureFixture[str]


@pytest.fixture
def library(data_dir: Path, queues: object) -> Library:
    """Twelve tracks with a model, on SQLite: what is asked of the database is tested beside."""
    open_sqlite()
    made = Library()
    vectorization.batch(made.everyone)
    vectorization.train("test")
    return made


def titles(output: Output) -> list[str]:
    """Those of a table."""
    return [line.split("\t")[2] for line in output.readouterr().out.splitlines()[1:]]


@pytest.mark.parametrize(
    "name",
    [
        "{id}",
        "track:{id}",
        "/music/drums 100.0.flac",
        "drums 100.0.flac",
        "Drums 100.0",
        "the drums - DRUMS 100.0",
    ],
)
def test_a_track_is_named_by_id_path_title_artist_or_file_name(
    library: Library, capsys: Output, name: str
) -> None:
    track = library.track("drums 100.0", None, artist="The Drums")
    assert run(["similar", name.format(id=track), "--count", "5"]) == ExitCode.OK
    assert set(titles(capsys)) == {f"drums {bpm}" for bpm in (104.0, 108.0, 112.0, 116.0, 120.0)}


def test_a_playlist_has_the_paths_byte_by_byte(
    library: Library, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    Track.update(path=to_text(b"/music/\xff.flac")).where(Track.id == library.drums[1]).execute()
    assert run(["similar", "drums 100.0", "--m3u", "--count", "5"]) == ExitCode.OK
    lines = capfdbinary.readouterr().out.splitlines()
    assert lines[0] == b"#EXTM3U"
    at = lines.index(b"/music/\xff.flac")
    assert lines[at - 1] == b"#EXTINF:8,drums 104.0"
    assert sum(line.startswith(b"#EXTINF") for line in lines) == 5


def test_json_has_each_track(library: Library, capsys: Output) -> None:
    assert run(["similar", str(library.drums[0]), "--json", "--count", "3"]) == ExitCode.OK
    rows = json.loads(capsys.readouterr().out)["tracks"]
    assert {row["id"] for row in rows} < set(library.drums)
    assert all(0 < row["similarity"] <= 1 for row in rows)


def test_filters_are_taken_together(library: Library, capsys: Output) -> None:
    library.album("Two", library.drums[:2])
    options = ["--bpm", "10", "--key", "compatible", "--not-same-album"]
    assert run(["similar", "chords 0", "--key", "compatible"]) == ExitCode.OK
    assert set(titles(capsys)) == {"chords 5", "chords 7"}
    assert run(["similar", "drums 100.0", *options[:2], options[-1]]) == ExitCode.OK
    assert "drums 104.0" not in titles(capsys)


def test_a_path_goes_from_one_to_the_other(library: Library, capsys: Output) -> None:
    assert run(["path", "drums 100.0", "chords 0", "--count", "5"]) == ExitCode.OK
    found = titles(capsys)
    assert (found[0], found[-1], len(found)) == ("drums 100.0", "chords 0", 5)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("drums 100.1", "there is no track 'drums 100.1' — did you mean drums 100.0"),
        ("drums", "'drums' fits 6 — say which:\n  track:1\tdrums 100.0"),
        ("/no/such.flac", "there is no track '/no/such.flac' — name one that `fleet scan`"),
    ],
)
def test_what_names_no_track_or_several_is_told(
    library: Library, capsys: Output, name: str, says: str
) -> None:
    assert run(["similar", name]) == ExitCode.BAD_INPUT
    assert says in capsys.readouterr().err


def test_a_track_that_waits_for_its_analysis_is_told(library: Library, capsys: Output) -> None:
    track = Track.get_by_id(library.track("new", None))
    ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track.id])
    assert run(["similar", "new"]) == ExitCode.BAD_INPUT
    assert "it is not analysed yet — see the progress in `fleet status`" in capsys.readouterr().err
