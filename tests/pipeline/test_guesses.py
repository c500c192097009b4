"""A library without tags, or with odd ones, is found by what lies beside them."""

from pathlib import Path

from db.library import search
from db.library.entity_pages import album_page
from db.models import Album, Cover, EntityType, Track
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.tables import content


def make_library(library: Path) -> None:
    """An album without tags, a record of two sides, two discs without numbers, and odd dates."""
    bare = library / "Bare Band" / "1999 - Bare Album"
    for number, title in enumerate(("First Light", "Second Wind"), 1):
        write_track(bare / f"{number:02} - {title}.wav", pitch=300 + number)
    (bare / "cover.jpg").write_bytes(picture("red"))
    for place, title in (("A1", "Zebra"), ("A2", "Mango"), ("B1", "Apple"), ("B2", "Kiwi")):
        sides = {"artist": "Vinyl Band", "album": "Two Sides", "tracknumber": place}
        write_track(library / "Sides" / f"{title}.flac", title=title, **sides)
    for disc in (1, 2):
        for number in (1, 2):
            untold = {"artist": "Untold", "album": "Untold Discs", "tracknumber": number}
            folder = library / "Untold Discs" / f"CD{disc}"
            write_track(folder / f"{number:02}.flac", title=f"D{disc} T{number}", **untold)
        (folder / "cover.jpg").write_bytes(picture("blue" if disc == 2 else "green"))
    for name, date in (("circa", "c. 2003"), ("German", "31.10.2003"), ("five", "20031")):
        odd = {"title": name, "artist": "Dated", "album": f"Dated {name}", "date": date}
        write_track(library / "Dated" / name / "song.flac", **odd)


def titles(album: str) -> list[tuple[int | None, str | None]]:
    """The discs and titles of an album in the order of its page."""
    page = album_page(Album.get(Album.title == album).id)
    assert page is not None
    return [(track.disc, track.title) for track in page.tracks]


def test_names_and_odd_tags_make_albums_and_a_second_scan_guesses_nothing(
    scan: RunScan, library: Path
) -> None:
    make_library(library)
    scan()
    bare = Album.get(Album.title == "Bare Album")
    assert (bare.album_artist, bare.date) == ("Bare Band", "1999")
    assert bare.guessed == dict.fromkeys(("title", "album_artist", "date"), "folder")
    assert Cover.get(Cover.entity_type == EntityType.ALBUM, Cover.entity_id == bare.id)
    assert titles("Bare Album") == [(None, "First Light"), (None, "Second Wind")]
    assert [each.title for each in search.search("second wind", 1, 1, 5).tracks] == ["Second Wind"]
    sides = [(1, "Zebra"), (1, "Mango"), (2, "Apple"), (2, "Kiwi")]
    assert titles("Two Sides") == sides
    assert titles("Untold Discs") == [(1, "D1 T1"), (1, "D1 T2"), (2, "D2 T1"), (2, "D2 T2")]
    marks = {track.title: track.guessed for track in Track.select()}
    assert (marks["D2 T1"], marks["Zebra"]) == ({"disc": "folder"}, None)
    untold = Album.get(Album.title == "Untold Discs").id
    assert Cover.get(Cover.entity_id == untold, Cover.role == "disc-2")
    years = {each.title: each.date for each in Album.select() if each.title.startswith("Dated")}
    assert years == {"Dated circa": "2003", "Dated German": "2003-10-31", "Dated five": None}
    before = content(present_only=False)
    scan()
    assert content(present_only=False) == before


def test_a_file_that_gets_tags_is_no_longer_guessed(scan: RunScan, library: Path) -> None:
    song = write_track(library / "Band" / "Album" / "01 Song.flac")
    scan()
    write_track(song, title="Other", artist="Else", album="Third", tracknumber=2, date=2001)
    scan()
    track, album = Track.get(), Album.get()
    assert (track.title, track.track, track.guessed) == ("Other", 2, None)
    assert (album.title, album.album_artist, album.guessed) == ("Third", "Else", None)
