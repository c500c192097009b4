"""Reading an artist.nfo, which anybody may have written."""

import random
import time

import pytest

from db.models import Kind, State
from tests.covers.library import Library
from tests.covers.test_artist_images import (
    BLUE,
    RED,
    cover,
    see,
    shows,
    state,
    work,
    write_album,
    write_file,
)
from tests.databases import ON_SQLITE
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture

pytestmark = pytest.mark.usefixtures("queues")


@ON_SQLITE
def test_an_nfo_behind_a_link_out_of_the_root_is_not_read(library: Library) -> None:
    write_album(library, "Somebody/First")
    write_file(library, "Somebody/portrait.jpg", RED)
    outside = library.image("../artist.nfo", b"<artist><thumb>portrait.jpg</thumb></artist>")
    link = library.root / "Somebody" / "artist.nfo"
    link.symlink_to(outside)
    see(link)
    work(library)
    assert shows(library) is None


@pytest.mark.parametrize(
    ("nfo", "role"),
    [
        (b"<artist><name>A & B &nbsp;</name><thumb>p.jpg</thumb></artist>", "front"),
        (b"\xef\xbb\xbf<artist><thumb>p.jpg</thumb></artist>\nhttps://example.org", "front"),
        (b"<artist><THUMB aspect='thumb' preview='x'> p.jpg\n</THUMB><unclosed>", "front"),
        (b"<artist><fanart><thumb>p.jpg</thumb></fanart></artist>", "fanart"),
        (b"<artist><thumb aspect='clearlogo'>p.jpg</thumb></artist>", "logo"),
        (b"<artist><name>\xff</name><thumb>./p.jpg</thumb></artist>", "front"),
    ],
)
@ON_SQLITE
def test_an_nfo_is_read_as_people_write_it(library: Library, nfo: bytes, role: str) -> None:
    write_album(library, "Somebody/First")
    write_file(library, "Somebody/p.jpg", RED)
    write_file(library, "Somebody/artist.nfo", nfo)
    work(library)
    assert cover(role=role) is not None


LARGE = 256 * 1024


@pytest.mark.parametrize(
    "nfo",
    [
        b"<fanart " * (LARGE // 8),
        b"<fanart>" * (LARGE // 8),
        b"<thumb>" * (LARGE // 7),
        b"<a><thumb " + b"x" * LARGE,
        b"<a>" + b"&amp;" * (LARGE // 5),
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><a><thumb>p.jpg</thumb></a>",
        b"<!DOCTYPE a [<!ENTITY b '" + b"c" * 10**5 + b"'>]><a>" + b"&b;" * 50_000,
        b"",
        b"\0" * LARGE,
    ],
    ids=range(9),
)
@ON_SQLITE
def test_no_nfo_takes_long_or_costs_other_artists(library: Library, nfo: bytes) -> None:
    write_album(library, "Somebody/First")
    write_file(library, "Somebody/p.jpg", RED)
    write_file(library, "Somebody/artist.nfo", nfo)
    write_album(library, "Other/First", "Other")
    write_file(library, "Other/artist.jpg", BLUE)
    begun = time.process_time()
    work(library)
    assert time.process_time() - begun < 5
    assert (shows(library), shows(library, "Other")) == (None, BLUE)


PIECES = (
    *("<artist>", "</artist>", "<thumb>", "</thumb>", "<fanart>", "</fanart>", "<thumb aspect='"),
    *("'>", "<![CDATA[", "]]>", "<!--", "-->", "<?xml version='1.0' encoding='x'?>", "&#0;", "&a;"),
    *(
        "p.jpg",
        "../../p.jpg",
        "/etc/p.jpg",
        "\0",
        "\ud7ff",
        "\n",
        "<!DOCTYPE a>",
        "xmlns:a='b' <a:b>",
    ),
)


@ON_SQLITE
def test_any_text_in_an_nfo_is_survived(library: Library) -> None:
    pick = random.Random(13)
    for number in range(60):
        write_album(library, f"Artist {number}/First", f"Artist {number}")
        write_file(library, f"Artist {number}/p.jpg", RED)
        text = "".join(pick.choices(PIECES, k=pick.randrange(1, 60))).encode()
        write_file(library, f"Artist {number}/artist.nfo", text[: pick.randrange(len(text) + 1)])
    work(library)
    ended = {state(library, Kind.COVER, f"Artist {number}") for number in range(60)}
    assert ended <= {State.DONE, State.NONE}
