"""`fleet cover`: what its user sets is shown, and why another picture is shown is explained."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.conftest import FleetCommand, new_fleet
from tests.music import picture, write_track
from worker.errors import ExitCode

FOUND, MINE = picture("green", (600, 600)), picture("orange", (120, 80))
"""A good cover, and what a user may want all the same: it is small and not square."""


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six albums of two artists, two of which are called the same."""
    root = tmp_path_factory.mktemp("covers") / "music"
    for number, title in enumerate(("Debut", "Post", "Homogenic", "Vespertine", "Medulla")):
        _write(root, "Björk", title, pitch=300 + number)
        (root / "Björk" / title / "cover.jpg").write_bytes(FOUND)
    (root / "Björk" / "Medulla" / "cover.jpg").unlink()
    _write(root, "Björk", "Vespertine", pitch=400, discnumber=2)
    (root / "Björk" / "artist.jpg").write_bytes(FOUND)
    _write(root, "Other", "Debut", pitch=500)
    return root


@pytest.fixture(scope="module")
def fleet(music: Path) -> Iterator[FleetCommand]:
    """A fleet that has taken them in."""
    for fleet in new_fleet():
        ended = fleet("scan", str(music))
        assert ended.returncode == ExitCode.OK, ended.stderr
        yield fleet


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A picture of the user's own."""
    file = tmp_path / "mine.jpg"
    file.write_bytes(MINE)
    return file


def test_what_is_set_beats_everything_and_survives_a_deep_scan(
    fleet: FleetCommand, music: Path, mine: Path
) -> None:
    ended = fleet("cover", "set", "homogenic", str(mine))
    assert ended.returncode == ExitCode.OK, ended.stderr
    assert re.fullmatch(rf"Björk - Homogenic \(album:\d\) shows {mine}\.\n", ended.stdout)
    assert shown(fleet, "Homogenic") == {"front": ("chosen", digest_of(MINE))}
    mine.unlink()
    (music / "Björk" / "Homogenic" / "cover.jpg").write_bytes(picture("white", (900, 900)))
    assert fleet("scan", "--deep", str(music)).returncode == ExitCode.OK
    assert shown(fleet, "Homogenic") == {"front": ("chosen", digest_of(MINE))}


def test_unset_goes_back_to_what_is_found(fleet: FleetCommand, mine: Path) -> None:
    fleet("cover", "set", "Post", str(mine))
    assert shown(fleet, "Post") == {"front": ("chosen", digest_of(MINE))}
    assert fleet("cover", "unset", "Post").returncode == ExitCode.OK
    assert shown(fleet, "Post") == {"front": ("folder", digest_of(FOUND))}
    again = fleet("cover", "unset", "Post")
    assert (again.returncode, again.stdout) == (ExitCode.OK, "")
    assert "Nothing was set for Björk - Post" in again.stderr


def test_a_disc_has_a_picture_of_its_own_set(fleet: FleetCommand, mine: Path) -> None:
    ended = fleet("cover", "set", "--disc", "2", "Vespertine", str(mine))
    assert ended.returncode == ExitCode.OK, ended.stderr
    assert shown(fleet, "Vespertine") == {
        "front": ("folder", digest_of(FOUND)),
        "disc-2": ("chosen", digest_of(MINE)),
    }


def test_why_lists_every_candidate_with_its_score_and_what_it_lost_by(
    fleet: FleetCommand, music: Path
) -> None:
    folder = music / "Björk" / "Debut"
    (folder / "cover 2.jpg").write_bytes(FOUND)
    (folder / "folder.png").write_bytes(picture("white", (90, 90)))
    (folder / "front.jpg").write_bytes(b"no picture")
    (folder / "back.jpg").write_bytes(FOUND)
    _write(music, "Björk", "Debut", [picture("red"), picture("blue")], pitch=300)
    fleet("scan", str(music))
    (front,) = why(fleet, "Björk - Debut")
    told = [
        (Path(each["path"]).name, each["score"], each["verdict"]) for each in front["candidates"]
    ]
    assert told[:-1] == [
        ("cover.jpg", [0, 0, 0, -1, 0], "wins"),
        ("cover 2.jpg", [0, 0, 0, 2, 0], "the lower number comes first"),
        ("disc 1.flac", [0, 4, 0, -1, 0], "cover.* comes before embedded"),
        ("folder.png", [1, 1, 0, -1, 0], "smaller than 150 pixels, so all others come first"),
    ]
    name, score, verdict = told[-1]
    assert (name, score[0], verdict[:12]) == ("front.jpg", 2, "bad-picture:")
    assert front["shows"] == {"source": "folder", "path": f"{folder}/cover.jpg"}
    assert front["passed_over"] == [
        f"{folder}/back.jpg: no entry of the order is named so",
        "back cover in 1 track: never a front",
    ]
    assert [each["score"] for each in front["candidates"]] == sorted(
        each["score"] for each in front["candidates"]
    )
    text = fleet("cover", "why", "Björk - Debut").stdout
    lines = [line.split("\t") for line in text.splitlines()]
    assert lines[1] == ["", "entry", "from", "size", "what it is", "verdict"]
    assert lines[2][:3] == ["*", "cover.*", f"{folder}/cover.jpg"]
    for name, _, verdict in told:
        assert any(name in line and verdict in line for line in text.splitlines())
    assert "Passed over: back cover in 1 track: never a front" in text


def test_why_changes_nothing(fleet: FleetCommand) -> None:
    before = state(fleet)
    assert fleet("cover", "why", "--artist", "Björk").returncode == ExitCode.OK
    assert state(fleet) == before


def test_why_says_where_it_looked_in_vain(fleet: FleetCommand, music: Path) -> None:
    ended = fleet("cover", "why", "Medulla")
    assert ended.returncode == ExitCode.OK
    assert "Nothing was found." in ended.stdout
    assert f"Remark: no cover in {music}/Björk/Medulla" in ended.stdout


def test_an_artists_front_and_logo_are_set_apart(fleet: FleetCommand, mine: Path) -> None:
    assert fleet("cover", "set", "--role", "logo", "Björk", str(mine)).returncode == ExitCode.OK
    assert shown(fleet, "Björk") == {
        "front": ("folder", digest_of(FOUND)),
        "logo": ("chosen", digest_of(MINE)),
    }
    front, logo = why(fleet, "--artist", "Björk")[::2]
    assert [each["entry"] for each in front["candidates"]] == ["artist.*"]
    assert [each["entry"] for each in logo["candidates"]] == ["set by you"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no picture", "cannot be shown: bad-picture: "),
        (None, "is no file — name the picture"),
    ],
)
def test_a_bad_file_is_refused_and_changes_nothing(
    fleet: FleetCommand, tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "bad.jpg"
    if content is not None:
        file.write_bytes(content)
    before = state(fleet)
    ended = fleet("cover", "set", "Medulla", str(file))
    assert ended.returncode == ExitCode.BAD_INPUT, ended.stderr
    assert ended.stderr.startswith(f"fleet: {file} ")
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert state(fleet) == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Homogenik", "no album or artist 'Homogenik' — did you mean Homogenic or "),
        ("album:99", "no album or artist 'album:99' — name one that `fleet scan` has taken in"),
    ],
)
def test_an_album_that_is_not_there_is_told(fleet: FleetCommand, name: str, says: str) -> None:
    ended = fleet("cover", "why", name)
    assert ended.returncode == ExitCode.BAD_INPUT
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_name_of_several_lists_what_to_write_instead(fleet: FleetCommand, mine: Path) -> None:
    before = state(fleet)
    ended = fleet("cover", "set", "Debut", str(mine))
    assert ended.returncode == ExitCode.BAD_INPUT
    assert state(fleet) == before
    first, *others = ended.stderr.splitlines()
    assert first == "fleet: 'Debut' is the name of 2 — say which:"
    assert [line.split("\t")[1] for line in others] == ["Björk - Debut", "Other - Debut"]
    for line in others:
        address, full_name = line.strip().split("\t")
        assert full_name in fleet("cover", "why", address).stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--disc", "2", "--role", "logo"), "--disc is for albums and --role for artists"),
        (("--artist", "--disc", "2"), "an artist has no disc"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    fleet: FleetCommand, mine: Path, options: tuple[str, ...], says: str
) -> None:
    ended = fleet("cover", "set", *options, "Björk", str(mine))
    assert ended.returncode == ExitCode.USAGE
    assert says in ended.stderr


def why(fleet: FleetCommand, *arguments: str) -> list[dict[str, Any]]:
    """What `fleet cover why` says, by role."""
    ended = fleet("cover", "why", "--json", *arguments)
    assert ended.returncode == ExitCode.OK, ended.stderr
    told: list[dict[str, Any]] = json.loads(ended.stdout)["roles"]
    return told


def shown(fleet: FleetCommand, name: str) -> dict[str, tuple[str, str]]:
    """The source and digest of what an album or artist shows, by role."""
    sql = """
        SELECT covers.role, covers.source, images.digest FROM covers
        JOIN images ON images.id = covers.image_id
        WHERE entity_type = 'album' AND entity_id IN (SELECT id FROM albums WHERE title = ?1)
           OR entity_type = 'artist' AND entity_id IN (SELECT id FROM artists WHERE name = ?1)
    """
    with closing(sqlite3.connect(fleet.data_dir / "library.db")) as connection:
        return {role: (source, digest) for role, source, digest in connection.execute(sql, (name,))}


def state(fleet: FleetCommand) -> list[list[tuple[Any, ...]]]:
    """All that is shown and set, and how the needs ended that concern pictures."""
    pictures = "ledger WHERE kind IN ('picture', 'cover', 'remote')"  # the analysis runs meanwhile
    tables = ("covers", "chosen_images", pictures, "problems WHERE stage <> 'analysis'")
    with closing(sqlite3.connect(fleet.data_dir / "library.db")) as connection:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


def digest_of(content: bytes) -> str:
    """How the store names it."""
    return hashlib.sha256(content).hexdigest()


def _write(
    root: Path,
    artist: str,
    album: str,
    pictures: list[bytes] | None = None,
    *,
    pitch: int,
    discnumber: int = 1,
) -> None:
    write_track(
        root / artist / album / f"disc {discnumber}.flac",
        pictures or [],
        pitch=pitch,
        title=album,
        artist=artist,
        albumartist=artist,
        album=album,
        discnumber=discnumber,
    )
