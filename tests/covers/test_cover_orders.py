"""The orders of choice are settings; what means nothing is refused, with what to write instead."""

import pytest

from db.errors import SettingError
from db.settings import cover_orders
from db.settings.declarations import SETTINGS
from jobs.covers.folder_images import UNNUMBERED, cover_name
from tests.covers.library import FRONT, Library, paint
from worker.cli.fleet import run
from worker.errors import ExitCode

ALBUM = "FLEET_ALBUM_COVERS"


def test_unset_the_orders_are_those_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {each.name: each.default for each in SETTINGS}
    for name, order in {
        "FLEET_ALBUM_COVERS": cover_orders.album_order,
        "FLEET_DISC_COVERS": cover_orders.disc_order,
        "FLEET_ARTIST_IMAGES": cover_orders.artist_order,
    }.items():
        monkeypatch.setenv(name, " ")
        assert ", ".join(order()) == defaults[name]


@pytest.mark.parametrize(
    ("setting", "text", "says"),
    [
        (ALBUM, "cover.*, embeded", "'embeded' is no source — write a file name such as cover.*"),
        (ALBUM, "cover.*,, folder.*", "'' is no source"),
        (ALBUM, "cover.*, COVER.*", "'cover.*' stands there twice"),
        (ALBUM, "cover.txt", "'cover.txt' is no picture — end it with .*"),
        (ALBUM, "scans/cover.*", "'scans/cover.*' names a folder"),
        (ALBUM, "cover.*, back.*", "'back.*' is never a front — leave it out"),
        (ALBUM, "album/cover.*", "'album/cover.*' names a folder"),
        ("FLEET_DISC_COVERS", "disc*.*, external", "or one of discsubtitle, embedded"),
        ("FLEET_ARTIST_IMAGES", "artist.*, embedded", "or one of name, nfo, external"),
        ("FLEET_ARTIST_IMAGES", "music/artist.*", "write the file's name alone, or album/"),
    ],
)
def test_an_order_with_a_fault_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, setting: str, text: str, says: str
) -> None:
    monkeypatch.setenv(setting, text)
    with pytest.raises(SettingError) as caught:
        cover_orders.check()
    assert str(caught.value).startswith(f"{setting} is {text!r}: ")
    assert says in str(caught.value)


def test_the_command_line_names_the_fault_and_ends_with_the_code_for_bad_input(
    library: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    library.track("A/1.flac", "A")
    monkeypatch.setenv(ALBUM, "covr")
    assert run(["cover", "why", "album:1"]) == ExitCode.BAD_INPUT
    assert "FLEET_ALBUM_COVERS is 'covr'" in capsys.readouterr().err


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_owners_order_decides(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", (200, 200)))])
    library.image("A/cover.jpg", paint("green", (200, 200)))
    library.image("A/sleeve-front.png", paint("blue", (200, 200)))
    for order, colour in {
        "sleeve*.png, cover.*, embedded": "blue",
        "embedded, cover.*": "red",
        "sleeve*.jpg, cover.*": "green",
    }.items():
        monkeypatch.setenv(ALBUM, order)
        library.album("A")
        library.work()
        assert library.album_shows("A") == paint(colour, (200, 200))


@pytest.mark.parametrize(
    ("name", "order", "rank_and_number"),
    [
        ("cover.jpg", ["cover.*"], (0, UNNUMBERED)),
        ("Cover.JPEG", ["folder.*", "cover.*"], (1, UNNUMBERED)),
        ("cover.2.png", ["cover.*"], (0, 2)),
        ("cover (10).png", ["cover.*"], (0, 10)),
        ("cover2023x.png", ["cover.*"], None),
        ("covers.jpg", ["cover.*"], None),
        ("disc 3 of 4.jpg", ["disc*.*"], (0, 3)),
        ("cover.gif", ["cover.jpg"], None),
        ("front.psd", ["front.*"], None),
        ("cover - back.jpg", ["cover*.*"], None),
        ("coverback.jpg", ["cover*.*"], None),
        ("Booklet 01.jpg", ["*.*"], None),
        ("backing band.jpg", ["*.*"], (0, UNNUMBERED)),
        ("caf\u0065\u0301.jpg", ["caf\u00e9.*"], (0, UNNUMBERED)),
        ("a.b.jpg", ["a?b.*"], (0, UNNUMBERED)),
    ],
)
def test_what_a_name_says(
    name: str, order: list[str], rank_and_number: tuple[int, int] | None
) -> None:
    found = cover_name(name, order)
    assert (found and (found.rank, found.number)) == rank_and_number
