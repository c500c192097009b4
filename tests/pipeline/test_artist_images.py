"""Pictures of artists, from the files that lie about a library to what each artist shows."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from db.models import Artist, Cover, EntityType, Kind, LedgerRow, Problem, State
from jobs.pictures import store
from jobs.scan import chunks
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from worker import dispatch
from worker.process.fleet_worker import FleetWorker

RunScan = Callable[..., None]
RED, BLUE = picture("red"), picture("blue")


def write_album(folder: Path, artist: str = "Somebody", **tags: str | int) -> Path:
    """An album of one track, whose tags name the artist and the folder."""
    tags = {"artist": artist, "albumartist": artist, "album": folder.name, "title": "Song", **tags}
    return write_track(folder / "1.flac", pitch=200 + sum(folder.name.encode()), **tags)


def write_picture(path: Path, data: bytes) -> Path:
    """A picture file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def shows(name: str = "Somebody", role: str = "front") -> bytes | None:
    """The bytes of the picture that an artist shows."""
    cover = Cover.get_or_none(
        Cover.entity_type == EntityType.ARTIST,
        Cover.entity_id == Artist.get(name=name).id,
        Cover.role == role,
    )
    return store.original(cover.image.digest).read_bytes() if cover else None


def need(name: str = "Somebody", kind: Kind = Kind.COVER) -> LedgerRow:
    """How a need of an artist ended."""
    return LedgerRow.get(
        LedgerRow.kind == kind,
        LedgerRow.entity_type == EntityType.ARTIST,
        LedgerRow.entity_id == Artist.get(name=name).id,
    )


@pytest.mark.parametrize(
    "name", ["artist.jpg", "Artist.PNG", "folder.jpg", "thumb.webp", "Somebody.jpg", "somebody.png"]
)
@ON_SQLITE
def test_a_picture_in_the_artists_folder_is_shown(scan: RunScan, library: Path, name: str) -> None:
    write_album(library / "Somebody" / "First")
    write_picture(library / "Somebody" / name, RED)
    scan()
    assert shows() == RED
    assert need().state == need(kind=Kind.PICTURE).state == State.DONE


@pytest.mark.parametrize("place", [".", "Artists", "artist images", "Rock", "Rock/Somebody"])
@ON_SQLITE
def test_a_picture_named_as_the_artist_is_found_up_to_the_root(
    scan: RunScan, library: Path, place: str
) -> None:
    write_album(library / "Rock" / "Somebody" / "First")
    write_album(library / "Rock" / "Other" / "Second", "Other")
    write_picture(library / place / "Somebody.jpg", RED)
    scan()
    assert shows() == RED
    assert shows("Other") is None


@ON_SQLITE
def test_an_artist_is_looked_for_once_a_scan_however_many_parts_it_has(
    database: str, library: Path, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_FILES", 1)
    for album in ("First", "Second", "Third"):
        write_album(library / "Somebody" / album)
    dispatch.enqueue("scan.discovery", root=str(library.resolve()))
    FleetWorker("tests-1", ["scan", "extract", "batch", "insert"], queues).work(burst=True)
    of_artists = [job.name for job in dispatch.held_jobs() if "artist_ids" in job.arguments]
    assert of_artists == ["covers.extract_artist_images"]


@ON_SQLITE
def test_letters_that_no_file_can_be_named_by_do_not_matter(scan: RunScan, library: Path) -> None:
    write_album(library / "AC_DC" / "First", "AC/DC")
    write_picture(library / "Artists" / "AC_DC.jpg", RED)
    scan()
    assert shows("AC/DC") == RED


def test_fan_art_and_a_logo_are_shown_beside_the_front(scan: RunScan, library: Path) -> None:
    write_album(library / "Somebody" / "First")
    write_picture(library / "Somebody" / "artist.jpg", RED)
    fanart = write_picture(library / "Somebody" / "fanart.jpg", picture("green", (1600, 900)))
    logo = write_picture(library / "Somebody" / "logo.png", picture("white", (800, 310), "PNG"))
    scan()
    assert shows() == RED
    assert shows(role="fanart") == fanart.read_bytes()
    assert shows(role="logo") == logo.read_bytes()


@ON_SQLITE
def test_a_picture_that_an_nfo_names_is_shown(scan: RunScan, library: Path) -> None:
    write_album(library / "Somebody" / "First")
    write_picture(library / "Somebody" / "portrait 1.jpg", RED)
    write_picture(library / "Somebody" / "on stage.jpg", picture("green", (1600, 900)))
    (library / "Somebody" / "artist.nfo").write_text(
        "<artist><name>Somebody</name><thumb>https://example.org/other.jpg</thumb>"
        '<thumb aspect="thumb">portrait 1.jpg</thumb>'
        "<fanart><thumb>on stage.jpg</thumb></fanart></artist>"
    )
    scan()
    assert shows() == RED
    assert shows(role="fanart") == picture("green", (1600, 900))


@ON_SQLITE
def test_an_nfo_names_no_file_outside_of_the_library(
    scan: RunScan, library: Path, tmp_path: Path
) -> None:
    write_album(library / "Somebody" / "First")
    write_picture(tmp_path / "private.jpg", RED)
    (library / "Somebody" / "artist.nfo").write_text(
        f"<artist><thumb>../../private.jpg</thumb><thumb>{tmp_path}/private.jpg</thumb></artist>"
    )
    scan()
    assert shows() is None


@ON_SQLITE
def test_a_picture_in_an_album_folder_that_is_named_artist_is_the_artists(
    scan: RunScan, library: Path
) -> None:
    write_album(library / "First")
    write_album(library / "Second", "Other")
    write_picture(library / "First" / "artist.jpg", RED)
    write_picture(library / "First" / "cover.jpg", BLUE)
    scan()
    assert shows() == RED
    assert shows("Other") is None


@ON_SQLITE
def test_the_artists_own_folder_is_before_those_of_albums(scan: RunScan, library: Path) -> None:
    write_album(library / "Somebody" / "First")
    write_picture(library / "Somebody" / "First" / "artist.jpg", RED)
    write_picture(library / "Somebody" / "artist.jpg", BLUE)
    scan()
    assert shows() == BLUE


@ON_SQLITE
def test_the_owners_order_decides(
    scan: RunScan, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ARTIST_IMAGES", "portrait.*, artist.*")
    write_album(library / "Somebody" / "First")
    write_picture(library / "Somebody" / "artist.jpg", RED)
    write_picture(library / "Somebody" / "portrait.jpg", BLUE)
    scan()
    assert shows() == BLUE


def test_the_picture_of_a_folder_that_two_artists_share_is_neithers(
    scan: RunScan, library: Path
) -> None:
    write_album(library / "Rock" / "First")
    write_album(library / "Rock" / "Second", "Other")
    write_picture(library / "Rock" / "artist.jpg", RED)
    write_picture(library / "folder.jpg", RED)
    scan()
    assert shows() is shows("Other") is None
    assert "no folder holds this artist's music alone" in need().reason


def test_a_guest_has_no_folder_and_says_so(scan: RunScan, library: Path) -> None:
    write_album(library / "Somebody" / "First", artist=["Somebody", "Guest"])  # type: ignore[arg-type]
    write_picture(library / "Somebody" / "artist.jpg", RED)
    scan()
    assert shows("Guest") is None
    row = need("Guest")
    assert (row.state, bool(row.reason)) == (State.NONE, True)


@pytest.mark.parametrize(("folder", "expected"), [("Various Artists", RED), ("Samplers", None)])
@ON_SQLITE
def test_various_artists_show_only_what_lies_in_a_folder_named_so(
    scan: RunScan, library: Path, folder: str, expected: bytes | None
) -> None:
    write_album(library / folder / "Hits", "Various Artists", compilation=1)
    write_album(library / folder / "More Hits", "Various Artists", compilation=1)
    write_picture(library / folder / "artist.jpg", RED)
    scan()
    assert shows("Various Artists") == expected


@ON_SQLITE
def test_a_picture_that_comes_later_is_found_by_a_plain_scan(scan: RunScan, library: Path) -> None:
    write_album(library / "Somebody" / "First")
    scan()
    assert shows() is None
    write_picture(library / "Somebody" / "artist.jpg", RED)
    scan()
    assert shows() == RED


def test_a_picture_that_is_replaced_or_goes_is_followed_by_a_plain_scan(
    scan: RunScan, library: Path
) -> None:
    write_album(library / "Somebody" / "First")
    file = write_picture(library / "Somebody" / "artist.jpg", RED)
    scan()
    file.write_bytes(BLUE)
    scan()
    assert shows() == BLUE
    file.unlink()
    scan()
    assert shows() is None
    assert need().state == State.NONE


@ON_SQLITE
def test_a_folder_that_another_artist_moves_into_is_nobodys_own_any_more(
    scan: RunScan, library: Path
) -> None:
    write_album(library / "Band" / "First")
    write_picture(library / "Band" / "artist.jpg", RED)
    scan()
    assert shows() == RED
    write_album(library / "Band" / "Second", "Other")
    scan()
    assert shows() is shows("Other") is None


@ON_SQLITE
def test_a_picture_that_does_not_decode_loses_to_the_next_and_is_recorded(
    scan: RunScan, library: Path
) -> None:
    write_album(library / "Somebody" / "First")
    broken = write_picture(library / "Somebody" / "artist.jpg", b"no picture")
    write_picture(library / "Somebody" / "folder.jpg", BLUE)
    scan()
    assert shows() == BLUE
    assert need(kind=Kind.PICTURE).state == State.FAILED
    assert Problem.get(path=str(broken)).code == "bad-picture"
    broken.write_bytes(RED)
    scan()
    assert shows() == RED
    assert Problem.select().count() == 0


@ON_SQLITE
def test_an_artist_whose_music_is_gone_goes_on_to_show_the_picture(
    scan: RunScan, library: Path
) -> None:
    track = write_album(library / "Somebody" / "First")
    write_album(library / "Other" / "Second", "Other")
    write_picture(library / "Somebody" / "artist.jpg", RED)
    scan()
    track.unlink()
    scan()
    assert shows() == RED
