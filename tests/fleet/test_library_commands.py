"""`fleet ls`, `show` and `stats` say what is in the library, to people and to programs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.music import picture, write_track
from tests.pipeline.in_process import scanned_into
from worker.cli.fleet import run
from worker.errors import ExitCode


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[None]:
    """Two albums, one with a cover, and a file that is none."""
    music, data = tmp_path_factory.mktemp("music"), tmp_path_factory.mktemp("data")
    debut = {"artist": "Björk", "album": "Debut", "date": "1993"}
    write_track(music / "Debut" / "1.mp3", [picture("red")], title="Human", tracknumber=1, **debut)
    write_track(music / "Debut" / "2.mp3", [picture("red")], title="Crying", tracknumber=2, **debut)
    write_track(music / "Vespertine" / "1.flac", artist="Björk", album="Vespertine", title="Cocoon")
    (music / "broken.mp3").write_bytes(b"no music" * 100)
    with scanned_into(data, music, valkey):
        yield


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints."""
    capsys.readouterr()
    assert run(arguments) == ExitCode.OK
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The object that it prints."""
    found: dict[str, Any] = json.loads(said(capsys, *arguments, "--json"))
    assert found["version"] == 1
    return found


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [
        (["albums", "--order", "title"], ["Debut", "Vespertine"]),
        (["albums", "--missing-cover"], ["Vespertine"]),
        (["albums", "--year", "1993"], ["Debut"]),
        (["albums", "bjork vesper"], ["Vespertine"]),
        (["tracks"], ["Human", "Crying", "Cocoon"]),
        (["tracks", "COCO"], ["Cocoon"]),
        (["tracks", "--limit", "1"], ["Human"]),
        (["tracks", "nothing"], []),
    ],
)
def test_a_list_holds_what_is_asked_for(
    capsys: pytest.CaptureFixture[str], arguments: list[str], titles: list[str]
) -> None:
    assert [each["title"] for each in as_json(capsys, "ls", *arguments)["items"]] == titles


def test_artists_and_problems_are_listed_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert [each["name"] for each in as_json(capsys, "ls", "artists", "bjork")["items"]] == [
        "Björk"
    ]
    [problem] = as_json(capsys, "ls", "problems", "broken")["items"]
    assert problem["path"].endswith("broken.mp3")
    assert as_json(capsys, "ls", "problems", "elsewhere")["items"] == []


def test_a_table_has_the_columns_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(
        capsys, "ls", "albums", "--columns", "title,cover", "--order", "title"
    ).splitlines()
    assert lines == ["title\tcover", "Debut\tembedded", "Vespertine\t"]


def test_an_unknown_column_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ls", "albums", "--columns", "titel"]) == ExitCode.BAD_INPUT
    assert "did you mean title?" in capsys.readouterr().err


def test_an_album_is_shown_with_its_tracks_and_what_it_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = as_json(capsys, "show", "Vespertine")
    assert (found["type"], found["artist"]) == ("album", "Björk")
    assert [each["title"] for each in found["tracks"]] == ["Cocoon"]
    [cover] = [each for each in found["needs"] if each["work"] == "cover"]
    assert cover["state"] == "none"
    assert "no cover in" in cover["reason"]
    assert "no cover in" in said(capsys, "show", "Vespertine")


def test_artists_and_tracks_are_shown_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    artist = as_json(capsys, "show", "björk")
    assert {each["title"] for each in artist["albums"]} == {"Debut", "Vespertine"}
    track = as_json(capsys, "show", "Björk - Human")
    assert (track["type"], track["album"], track["track"]) == ("track", "Debut", 1)


def test_what_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "Debutt"]) == ExitCode.BAD_INPUT
    assert "did you mean Debut" in capsys.readouterr().err


def test_the_statistics_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "stats")
    assert (found["tracks"], found["albums"], found["artists"]) == (3, 2, 1)
    assert {each["codec"]: each["tracks"] for each in found["codecs"]} == {"mp3": 2, "flac": 1}
    assert found["covers"]["album"] == {"embedded": 1}
    assert found["missing_tags"]["date"] == 1
    assert "3 tracks, 2 albums, 1 artist;" in said(capsys, "stats")


def test_the_life_of_an_album_is_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    first, *_, last = said(capsys, "show", "Debut", "--life").splitlines()
    assert first == "date\twhat\t\tjob"
    assert last.startswith("not kept\t")
    events = as_json(capsys, "show", "Debut", "--life")["events"]
    assert ("the album came to be", "file") in {(each["text"], each["kind"]) for each in events}
