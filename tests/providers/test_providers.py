"""What each provider is asked, and what is made of its answers."""

from collections.abc import Callable
from typing import Any

import pytest

from db.artwork.remote_covers import WantedAlbum, WantedArtist
from jobs.providers.errors import RefusedError, UnavailableError
from jobs.providers.provider import Offer, PictureProvider
from tests.providers.server import WebServer, one_after_the_other, page, redirect, status
from tests.providers.shapes import (
    GROUP,
    MBID,
    QUOTA,
    RELEASE,
    STAR,
    archive,
    archive_image,
    claim,
    claims,
    data,
    deezer_album,
    deezer_artist,
    imageinfo,
    lastfm,
    relations,
)

Open = Callable[[str], PictureProvider]

ALBUM = WantedAlbum(1, "Blue Record", ("Somebody",), RELEASE, GROUP, 3)
ARTIST = WantedArtist(1, "Somebody", MBID)
COVER = "https://cdn.example/images/cover/md5/1000x1000.jpg"


def about(provider: PictureProvider, wanted: WantedAlbum | WantedArtist) -> list[list[Offer]]:
    """What the provider offers in answer to each of its questions."""
    if isinstance(wanted, WantedAlbum):
        return [question.ask() for question in provider.about_album(wanted)]
    return [question.ask() for question in provider.about_artist(wanted)]


def urls(offers: list[list[Offer]]) -> list[str]:
    """Where the pictures are, in order."""
    return [url for answer in offers for offer in answer for url in offer.urls]


def test_the_archive_is_asked_for_the_release_and_then_its_group(
    server: WebServer, opened_provider: Open
) -> None:
    about(opened_provider("coverartarchive"), ALBUM)
    assert server.paths() == [
        f"/coverartarchive/release/{RELEASE}",
        f"/coverartarchive/release-group/{GROUP}",
    ]


def test_the_archive_offers_the_large_thumbnail_then_the_scan_then_small_ones(
    server: WebServer, opened_provider: Open
) -> None:
    image = archive_image("https://a/1.jpg", s1200="https://a/1200", s500="https://a/500")
    server.routes["/coverartarchive/list"] = page(archive(image))
    server.routes[f"/coverartarchive/release/{RELEASE}"] = redirect("/coverartarchive/list", 307)
    offers = about(opened_provider("coverartarchive"), ALBUM._replace(release_group_id=None))
    assert urls(offers) == ["https://a/1200", "https://a/1.jpg", "https://a/500"]


def test_an_old_entry_of_the_archive_has_other_names_for_its_sizes(
    server: WebServer, opened_provider: Open
) -> None:
    image = archive_image("https://a/1.pdf", small="https://a/250", large="https://a/500")
    image["thumbnails"] = {"small": "https://a/250", "large": "https://a/500"}
    server.routes[f"/coverartarchive/release/{RELEASE}"] = page(archive(image))
    offers = about(opened_provider("coverartarchive"), ALBUM._replace(release_group_id=None))
    assert urls(offers) == ["https://a/500", "https://a/1.pdf"]


def test_a_back_or_booklet_of_the_archive_is_no_front(
    server: WebServer, opened_provider: Open
) -> None:
    images = (archive_image("https://a/back.jpg", front=False), archive_image("https://a/2.jpg"))
    server.routes[f"/coverartarchive/release/{RELEASE}"] = page(archive(*images))
    offers = about(opened_provider("coverartarchive"), ALBUM._replace(release_group_id=None))
    assert urls(offers) == ["https://a/2.jpg"]


@pytest.mark.parametrize("tag", [None, "", "../../etc/passwd", f"{RELEASE}/../x", "1234", "é" * 36])
@pytest.mark.parametrize("name", ["coverartarchive", "wikidata", "fanarttv"])
def test_what_is_no_musicbrainz_id_gets_into_no_url(
    server: WebServer, opened_provider: Open, name: str, tag: str | None
) -> None:
    provider = opened_provider(name)
    album = ALBUM._replace(release_id=tag, release_group_id=tag)
    assert about(provider, album) == []
    assert about(provider, ARTIST._replace(musicbrainz_id=tag)) == []
    assert server.connections == 0


def test_deezer_is_asked_for_title_and_artist(server: WebServer, opened_provider: Open) -> None:
    server.routes["/deezer/search/album"] = page(data())
    about(opened_provider("deezer"), ALBUM._replace(title='12" Mixes'))
    assert server.asked == [
        ("/deezer/search/album", {"q": 'artist:"Somebody" album:"12 Mixes"'}),
    ]


@pytest.mark.parametrize(
    ("title", "artist"),
    [
        ("Blue Record", "Somebody Else"),
        ("Blue Record", "Somebody Tribute Band"),
        ("Blue Record", "Some Body"),
        ("Blue Record II", "Somebody"),
        ("Blue Record (Live)", "Somebody"),
        ("Blue", "Somebody"),
        ("The Blue Record", "Somebody"),
    ],
)
def test_a_near_match_of_deezer_is_refused(
    server: WebServer, opened_provider: Open, title: str, artist: str
) -> None:
    server.routes["/deezer/search/album"] = page(data(deezer_album(title, artist, COVER)))
    assert about(opened_provider("deezer"), ALBUM) == [[]]


@pytest.mark.parametrize("title", ["BLUE RECORD", "Blue  Record!", "Blue Record (Deluxe Edition)"])
def test_another_spelling_of_the_same_album_is_a_match(
    server: WebServer, opened_provider: Open, title: str
) -> None:
    wrong = deezer_album(title, "Somebody Else", "https://cdn.example/wrong.jpg")
    right = deezer_album(title, "SOMEBODY", COVER)
    server.routes["/deezer/search/album"] = page(data(wrong, right))
    assert urls(about(opened_provider("deezer"), ALBUM)) == [COVER]


def test_of_two_albums_of_one_name_the_one_with_as_many_tracks_is_meant(
    server: WebServer, opened_provider: Open
) -> None:
    other = deezer_album("Blue Record", "Somebody", "https://cdn.example/10.jpg", 10, "other")
    meant = deezer_album("Blue Record", "Somebody", COVER, 3)
    server.routes["/deezer/search/album"] = page(data(other, meant))
    assert urls(about(opened_provider("deezer"), ALBUM)) == [COVER]


def test_of_two_albums_of_one_name_none_is_guessed(
    server: WebServer, opened_provider: Open
) -> None:
    found = [
        deezer_album("Blue Record", "Somebody", f"https://cdn.example/{n}.jpg", n, f"md5{n}")
        for n in (10, 11)
    ]
    server.routes["/deezer/search/album"] = page(data(*found))
    assert about(opened_provider("deezer"), ALBUM) == [[]]


def test_quota_errors_of_deezer_with_status_200_are_recognised(
    server: WebServer, opened_provider: Open
) -> None:
    server.routes["/deezer/search/artist"] = one_after_the_other(
        page(QUOTA | {"error": {**QUOTA["error"], "code": 100}}), page(QUOTA)
    )
    with pytest.raises(RefusedError, match="code 100"):
        about(opened_provider("deezer"), ARTIST)


def test_who_has_no_picture_at_deezer_has_none(server: WebServer, opened_provider: Open) -> None:
    grey = "https://cdn-images.dzcdn.net/images/artist//1000x1000-000000-80-0-0.jpg"
    server.routes["/deezer/search/artist"] = page(data(deezer_artist("Somebody", grey)))
    assert about(opened_provider("deezer"), ARTIST) == [[]]


@pytest.mark.parametrize("name", ["Somebody Else", "Somebody & Friends", "Somebodies", "Some"])
def test_another_artist_is_refused(server: WebServer, opened_provider: Open, name: str) -> None:
    server.routes["/deezer/search/artist"] = page(data(deezer_artist(name, COVER, 10**7)))
    assert about(opened_provider("deezer"), ARTIST) == [[]]


@pytest.mark.parametrize(("fans", "found"), [(100, []), (5_000_000, [COVER])])
def test_of_namesakes_only_one_who_is_far_better_known_is_taken(
    server: WebServer, opened_provider: Open, fans: int, found: list[str]
) -> None:
    artists = (
        deezer_artist("somebody", "https://cdn.example/other.jpg", 90),
        deezer_artist("Somebody", COVER, fans),
    )
    server.routes["/deezer/search/artist"] = page(data(*artists))
    assert urls(about(opened_provider("deezer"), ARTIST)) == found


@pytest.mark.parametrize("name", ["deezer", "theaudiodb", "lastfm"])
def test_nobody_is_asked_for_pictures_of_various_artists(
    server: WebServer, opened_provider: Open, name: str
) -> None:
    provider = opened_provider(name)
    assert about(provider, WantedArtist(1, "Various Artists", None)) == []
    assert about(provider, WantedAlbum(1, "Hits", ("Various Artists",), None, None, 3)) == []
    assert about(provider, WantedArtist(1, "x" * 5000, None)) == []
    assert server.connections == 0


def commons(server: WebServer, width: int) -> None:
    """A thumbnail of this width, of the preferred file of Q42."""
    server.routes[f"/musicbrainz/artist/{MBID}"] = page(
        relations(wikidata="https://www.wikidata.org/wiki/Q42", discogs="https://discogs.com/1")
    )
    server.routes["/wikidata/api.php"] = page(
        claims(
            claim(None), claim("Old.jpg", "deprecated"), claim("B.jpg"), claim("A.jpg", "preferred")
        )
    )
    server.routes["/commons/api.php"] = page(
        imageinfo(f"https://upload.example/thumb/A.jpg/{width}px-A.jpg", "https://upload.example/A")
    )


def test_wikidata_is_asked_by_way_of_musicbrainz(server: WebServer, opened_provider: Open) -> None:
    commons(server, 1280)
    ((offer,),) = about(opened_provider("wikidata"), ARTIST)
    assert offer == Offer(
        "front",
        ["https://upload.example/thumb/A.jpg/1280px-A.jpg", "https://upload.example/A"],
        licence="CC BY-SA 4.0",
        author="Ann & Bob",
    )
    (_, entity), (_, file) = server.asked[1:]
    assert (entity["entity"], entity["property"]) == ("Q42", "P18")
    assert (file["titles"], file["iiurlwidth"]) == ("File:A.jpg", "1280")


def test_a_thumbnail_of_a_width_that_commons_refuses_is_not_asked_for(
    server: WebServer, opened_provider: Open
) -> None:
    commons(server, 1024)
    assert urls(about(opened_provider("wikidata"), ARTIST)) == ["https://upload.example/A"]


def test_a_file_that_musicbrainz_names_does_as_well(
    server: WebServer, opened_provider: Open
) -> None:
    commons(server, 1280)
    file = "https://commons.wikimedia.org/wiki/File:Some%20body.jpg"
    server.routes[f"/musicbrainz/artist/{MBID}"] = page(relations(image=file))
    assert urls(about(opened_provider("wikidata"), ARTIST))
    assert server.asked[-1][1]["titles"] == "File:Some body.jpg"
    assert "/wikidata/api.php" not in server.paths()


@pytest.mark.parametrize(
    "url",
    ["https://www.wikidata.org/wiki/Q42/../../x", "https://evil.example/wiki/Q42", "Q42"],
)
def test_a_relation_that_is_no_entity_is_passed_over(
    server: WebServer, opened_provider: Open, url: str
) -> None:
    server.routes[f"/musicbrainz/artist/{MBID}"] = page(relations(wikidata=url))
    assert about(opened_provider("wikidata"), ARTIST) == [[]]
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", ["no-such-entity", "permissiondenied"])
def test_errors_of_wikidata_with_status_200_are_recognised(
    server: WebServer, opened_provider: Open, code: str
) -> None:
    commons(server, 1280)
    server.routes["/wikidata/api.php"] = page({"error": {"code": code, "info": "…"}})
    if code == "no-such-entity":
        assert about(opened_provider("wikidata"), ARTIST) == [[]]
    else:
        with pytest.raises(RefusedError, match=code):
            about(opened_provider("wikidata"), ARTIST)


def test_theaudiodb_has_pictures_of_three_kinds(server: WebServer, opened_provider: Open) -> None:
    entry = {
        "strArtist": "Somebody",
        "strArtistThumb": "https://r2/thumb.jpg",
        "strArtistFanart": "https://r2/fanart.jpg",
        "strArtistLogo": "",
        "strArtistBanner": None,
    }
    server.routes["/theaudiodb/123/artist-mb.php"] = page({"artists": [entry]})
    ((front, fanart),) = about(opened_provider("theaudiodb"), ARTIST)
    assert front == Offer("front", ["https://r2/thumb.jpg"])
    assert fanart == Offer("fanart", ["https://r2/fanart.jpg"])


def test_a_search_of_theaudiodb_counts_when_the_names_agree(
    server: WebServer, opened_provider: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_THEAUDIODB_KEY", "mine")
    entries = [
        {"strAlbum": "Blue Record", "strArtist": "Else", "strAlbumThumb": "https://r2/else.jpg"},
        {"strAlbum": "Blue record", "strArtist": "Somebody", "strAlbumThumb": "https://r2/it.jpg"},
    ]
    server.routes["/theaudiodb/mine/searchalbum.php"] = page({"album": entries})
    album = ALBUM._replace(release_group_id=None)
    assert urls(about(opened_provider("theaudiodb"), album)) == ["https://r2/it.jpg"]


def test_null_instead_of_a_list_is_nothing(server: WebServer, opened_provider: Open) -> None:
    server.routes["/theaudiodb/123/artist-mb.php"] = page({"artists": None})
    assert about(opened_provider("theaudiodb"), ARTIST) == [[]]


ALBUM_ART = {"albumcover": [{"id": "1", "url": "https://f/1.jpg", "likes": "2"}]}


@pytest.mark.parametrize(
    "albums",
    [[{"release_group_id": GROUP, **ALBUM_ART}], {GROUP: ALBUM_ART, RELEASE: {"albumcover": []}}],
)
def test_fanarttv_has_albums_in_a_list_or_by_id(
    server: WebServer, opened_provider: Open, albums: Any
) -> None:
    server.routes[f"/fanarttv/music/albums/{GROUP}"] = page({"name": "Somebody", "albums": albums})
    assert urls(about(opened_provider("fanarttv"), ALBUM)) == ["https://f/1.jpg"]
    assert server.headers[0]["api-key"] == "fanartkey"


def test_fanarttv_offers_what_people_like_best(server: WebServer, opened_provider: Open) -> None:
    pictures = [{"url": f"https://f/{likes}.jpg", "likes": str(likes)} for likes in (1, 7, 3)]
    server.routes[f"/fanarttv/music/{MBID}"] = page(
        {"artistthumb": pictures, "hdmusiclogo": pictures[:1], "albums": []}
    )
    ((front, logo),) = about(opened_provider("fanarttv"), ARTIST)
    assert front == Offer("front", ["https://f/7.jpg", "https://f/3.jpg", "https://f/1.jpg"])
    assert logo == Offer("logo", ["https://f/1.jpg"])


def test_a_key_that_fanarttv_refuses_is_named(server: WebServer, opened_provider: Open) -> None:
    server.routes[f"/fanarttv/music/{MBID}"] = page(
        {"status": "error", "error message": "Invalid API key"}, 401
    )
    with pytest.raises(RefusedError, match="FLEET_FANARTTV_KEY") as refused:
        about(opened_provider("fanarttv"), ARTIST)
    assert "fanartkey" not in str(refused.value)


@pytest.mark.parametrize("place", [f"https://lastfm.example/i/u/300x300/{STAR}.png", ""])
def test_the_lastfm_star_is_taken_for_no_artist(
    server: WebServer, opened_provider: Open, place: str
) -> None:
    """gonic#153, pylast#304."""
    server.routes["/lastfm/"] = page(lastfm("artist", "Somebody", place))
    assert about(opened_provider("lastfm"), ARTIST) == [[]]


def test_lastfm_offers_the_largest_cover_of_that_very_album(
    server: WebServer, opened_provider: Open
) -> None:
    server.routes["/lastfm/"] = one_after_the_other(
        page(lastfm("album", "Blue Record", "https://lastfm.example/i/u/300x300/abc.png")),
        page(lastfm("album", "Blue Record Live", "https://lastfm.example/i/u/300x300/abc.png")),
    )
    provider = opened_provider("lastfm")
    assert urls(about(provider, ALBUM)) == ["https://lastfm.example/i/u/300x300/abc.png"]
    assert about(provider, ALBUM) == [[]]
    _, asked = server.asked[0]
    assert (asked["method"], asked["api_key"]) == ("album.getinfo", "lastfmkey")


@pytest.mark.parametrize("code", [200, 404])
def test_an_album_that_lastfm_does_not_know_is_nothing(
    server: WebServer, opened_provider: Open, code: int
) -> None:
    server.routes["/lastfm/"] = page({"error": 6, "message": "Album not found"}, code)
    assert about(opened_provider("lastfm"), ALBUM) == [[]]


@pytest.mark.parametrize("code", [200, 403])
def test_a_key_that_lastfm_refuses_is_named(
    server: WebServer, opened_provider: Open, code: int
) -> None:
    server.routes["/lastfm/"] = page({"error": 10, "message": "Invalid API key"}, code)
    with pytest.raises(RefusedError, match="FLEET_LASTFM_KEY"):
        about(opened_provider("lastfm"), ALBUM)


@pytest.mark.parametrize("name", ["coverartarchive", "deezer", "fanarttv", "lastfm", "theaudiodb"])
@pytest.mark.parametrize(
    "body",
    [[], {}, None, "text", 7, {"images": 1, "data": {}, "album": [], "albums": "x", "error": "?"}]
    + [
        {key: [None, 1, "x", [], {}, {"thumbnails": 1, "image": [1], "front": True}]}
        for key in ("images", "data", "album", "albums")
    ],
)
def test_answers_of_any_other_shape_are_nothing(
    server: WebServer, opened_provider: Open, name: str, body: Any
) -> None:
    for path in (
        f"/coverartarchive/release/{RELEASE}",
        "/deezer/search/album",
        f"/fanarttv/music/albums/{GROUP}",
        "/lastfm/",
        "/theaudiodb/123/album-mb.php",
    ):
        server.routes[path] = page(body)
    (first, *_) = opened_provider(name).about_album(ALBUM)
    assert not any(offer.urls for offer in first.ask())


def test_a_service_that_is_down_is_unavailable(server: WebServer, opened_provider: Open) -> None:
    server.routes["/deezer/search/artist"] = status(503, Retry_After="300")
    with pytest.raises(UnavailableError):
        about(opened_provider("deezer"), ARTIST)
