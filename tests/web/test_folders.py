"""Folders of music are added, moved and forgotten on the page, and nothing outside is listed."""

import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from db.models import Scan, Track
from db.scanning import scans
from jobs.maintenance import forget_roots
from worker import dispatch
from worker.maintenance import roots


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one place where folders may lie, with some that are not to be seen."""
    place = tmp_path / "place"
    for name in ("Music/Album", "More", ".hidden", "@eaDir", "../outside/secret"):
        (place / name).mkdir(parents=True)
    (place / "file.txt").touch()
    (place / "out").symlink_to(tmp_path / "outside")
    (place / "within").symlink_to(place / "Music")
    (place / "Music/Album/1.mp3").touch()
    monkeypatch.setenv("FLEET_MUSIC_PLACES", f"{place}:{tmp_path}/not-there")
    return place


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("{place}/", ["More", "Music", "within"]),
        ("{place}/m", ["More", "Music"]),
        ("{place}/mu", ["Music"]),
        ("{place}/within/", ["within/Album"]),
        ("{place}/Music/../", ["Music/../More", "Music/../Music", "Music/../within"]),
        ("{place}/.h", []),
        ("{place}/out/", []),
        ("{place}/../outside/", []),
        ("{place}/file.txt/", []),
        ("/", [""]),
        ("/etc/", []),
        ("", [""]),
        ("\0", []),
    ],
)
def test_only_folders_in_the_places_are_offered(
    page: FlaskClient, place: Path, typed: str, names: list[str]
) -> None:
    answer = page.get("/folders/inside", query_string={"path": typed.format(place=place)})
    assert answer.json == [f"{place}/{name}".removesuffix("/") for name in names]


@pytest.mark.parametrize(
    "path", ["/etc", "/not/there", "{place}/../outside", "{place}/out", "Music", "\0", "~nobody"]
)
def test_a_folder_outside_of_them_is_refused_whether_it_is_there_or_not(
    page: FlaskClient, place: Path, path: str
) -> None:
    named = path.format(place=place)
    for answer in (
        page.get("/folders/new", query_string={"path": named}),
        page.post("/folders", data={"path": named}),
    ):
        assert "is not in FLEET_MUSIC_PLACES" in answer.text
    assert dispatch.queue("scan").count == 0


def test_a_folder_is_checked_before_it_is_added(
    page: FlaskClient, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def says(name: str) -> str:
        return page.get("/folders/new", query_string={"path": f"{place}/{name}"}).text

    assert "holds 1 audio file." in says("Music")
    assert "is empty" in says("More")
    assert "does not exist" in says("Mussic")
    assert "is a file" in says("file.txt")
    (place / "More/notes.txt").touch()
    assert "holds no audio file" in says("More")
    for number in range(3):
        (place / f"More/{number}.flac").touch()
    monkeypatch.setattr(roots, "_MOST_COUNTED", 2)
    assert "holds more than 2 audio files." in says("More")
    Scan.create(root=str(place / "Music"), deep=False, found=1)
    assert f"lies in {place}/Music, which is scanned already" in says("Music/Album")
    assert f"holds {place}/Music, scanned already" in says("")


def test_a_folder_is_added_once_and_its_scan_followed(page: FlaskClient, place: Path) -> None:
    added = page.post("/folders", data={"path": f"{place}/within"})
    (scan,) = scans.all_unfinished()
    assert scan.root == f"{place}/Music"
    assert added.headers["Location"] == f"/scans?begun={scan.id}"
    assert dispatch.queue("scan").count == 1
    again = page.post("/folders", data={"path": f"{place}/Music"})
    assert (again.status_code, "is a root already" in again.text) == (400, True)
    assert f"Cancel the scan of {place}/Music" in page.get("/folders").text


def test_no_other_site_adds_a_folder(page: FlaskClient, place: Path) -> None:
    stranger = {"Origin": "http://elsewhere"}
    for path in ("/folders", "/folders/preview", "/folders/move", "/folders/forget"):
        assert page.post(path, data={"path": str(place)}, headers=stranger).status_code == 403


def test_a_folder_is_moved_to_where_its_files_are(page: FlaskClient, place: Path) -> None:
    (old,) = scans.roots()
    shutil.copytree(old, place / "New")
    wrong = page.get("/folders/move", query_string={"root": old, "to": f"{place}/Music"})
    assert "none of the files of" in wrong.text.lower()
    asked = page.get("/folders/move", query_string={"root": old, "to": f"{place}/New"})
    count = Track.select().count()
    assert f"About 100 % of its files are there, which are {count} tracks." in asked.text
    assert page.post("/folders/move", data={"root": old, "to": f"{place}/New"}).status_code == 303
    assert scans.roots() == [f"{place}/New"]
    assert page.get("/folders/move", query_string={"root": old}).status_code == 404


def test_a_folder_is_forgotten_once_it_is_said_what_goes(page: FlaskClient, place: Path) -> None:
    (root,) = scans.roots()
    count = Track.select().count()
    asked = page.get("/folders/forget", query_string={"root": root})
    assert f"What goes: {count} tracks of 4 albums;" in asked.text
    running = scans.start(root, deep=False)
    assert page.post("/folders/forget", data={"root": root}).status_code == 409
    scans.end_early(running)
    assert page.post("/folders/forget", data={"root": root}).status_code == 303
    assert Track.select().count() == count
    assert "being forgotten" in page.get("/folders").text
    assert (scans.roots(), scans.start_unless_running(root, None)) == ([], None)
    assert forget_roots() == count
    assert Track.select().count() == 0
    assert page.get("/").headers["Location"] == "/folders"
    assert "Where is your music?" in page.get("/folders").text


def test_what_was_chosen_is_kept_when_it_has_a_fault(
    page: FlaskClient, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root,) = scans.roots()
    roots.forget(root)
    monkeypatch.delenv("FLEET_PROVIDERS", raising=False)
    form = {"path": f"{place}/Music", "choices": "1", "on-fanarttv": "on", "analysis": "hours"}
    answer = page.post("/folders", data=form)
    assert answer.status_code == 400
    assert "which needs a key" in answer.text
    assert 'name="on-fanarttv" checked' in answer.text
    assert not scans.all_unfinished()
