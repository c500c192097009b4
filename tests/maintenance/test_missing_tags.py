"""Missing tags are listed by album."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from db.maintenance.maintenance_runs import history
from jobs.maintenance import diagnostic_missing_fields
from tests.maintenance.conftest import Scan
from tests.music import write_track
from worker.cli.report import missing_tags


@pytest.fixture
def untagged(scan: Scan, music: Path) -> Path:
    """Beside the two albums, which lack dates alone, two files without any tag."""
    for number in (1, 2):
        write_track(music / "Loose" / f"{number}.flac", pitch=900 + number)
    scan()
    return music


def told(*options: str) -> Result:
    return CliRunner().invoke(missing_tags, list(options), catch_exceptions=False)


def test_albums_and_folders_are_listed_with_what_their_tracks_lack(untagged: Path) -> None:
    found = {each["album"]: each for each in json.loads(told("--json").stdout)["albums"]}
    assert found["Album One"] == {
        "album": "Album One",
        "album_artist": "One",
        "folder": str(untagged / "One"),
        "tracks": 3,
        "missing": {"date": 3},
    }
    lacking = dict.fromkeys(["title", "artist", "album", "track number", "date", "genre"], 2)
    assert found["Loose"]["missing"] == lacking  # a name that was guessed from the folder
    assert found["Loose"]["folder"] == str(untagged / "Loose")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_table_is_csv_for_spreadsheets(untagged: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(told("--csv").stdout)))
    assert [(row["album"], row["tracks"], row["no date"]) for row in rows if row["album"]] == [
        ("Loose", "2", "2"),
        ("Album One", "3", "3"),
        ("Album Two", "3", "3"),
    ]


def test_the_job_counts_them_and_changes_nothing(untagged: Path) -> None:
    for _ in range(2):
        assert diagnostic_missing_fields() == {
            "title": 2,
            "artist": 2,
            "album": 2,
            "track number": 2,
            "date": 8,
            "genre": 2,
        }
    (run,) = history("maintenance.diagnostic_missing_fields", 1)
    assert run.changes == {}
    assert "8 tracks without date" in run.notes
