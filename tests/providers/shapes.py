"""What the services answer, in their own formats."""

from typing import Any

MBID = "0f0f0f0f-1111-4222-8333-444444444444"
RELEASE = "11111111-2222-4333-8444-555555555555"
GROUP = "99999999-8888-4777-8666-555555555555"
STAR = "2a96cbd8b46e442fc41c2b86b821562f"
QUOTA = {"error": {"type": "Exception", "message": "Quota limit exceeded", "code": 4}}


def archive(*images: dict[str, Any]) -> dict[str, Any]:
    """A list of the Cover Art Archive."""
    return {"images": list(images), "release": f"https://musicbrainz.org/release/{RELEASE}"}


def archive_image(
    url: str, front: bool = True, approved: bool = True, **sizes: str
) -> dict[str, Any]:
    """One image in it; `sizes` by name, the numbers with an s before them."""
    return {
        "types": ["Front" if front else "Back"],
        "front": front,
        "back": not front,
        "edit": 17462565,
        "image": url,
        "comment": "",
        "approved": approved,
        "id": "829521842",
        "thumbnails": {name.lstrip("s") or name: each for name, each in sizes.items()},
    }


def deezer_album(
    title: str, artist: str, cover: str, tracks: int = 3, md5: str = "one"
) -> dict[str, Any]:
    """An album as Deezer's search has it."""
    return {
        "id": 302127,
        "title": title,
        "link": "https://www.deezer.com/album/302127",
        "cover": "https://api.deezer.com/album/302127/image",
        "cover_small": cover,
        "cover_medium": cover,
        "cover_big": cover,
        "cover_xl": cover,
        "md5_image": md5,
        "genre_id": 113,
        "nb_tracks": tracks,
        "record_type": "album",
        "explicit_lyrics": False,
        "artist": {"id": 27, "name": artist, "type": "artist"},
        "type": "album",
    }


def deezer_artist(name: str, picture: str, fans: int = 1000) -> dict[str, Any]:
    """An artist as Deezer's search has one."""
    return {
        "id": 27,
        "name": name,
        "picture_small": picture,
        "picture_medium": picture,
        "picture_big": picture,
        "picture_xl": picture,
        "nb_album": 31,
        "nb_fan": fans,
        "radio": True,
        "type": "artist",
    }


def data(*entries: dict[str, Any]) -> dict[str, Any]:
    """A page of Deezer's."""
    return {"data": list(entries), "total": len(entries)}


def relations(**urls: str) -> dict[str, Any]:
    """An artist of MusicBrainz with related URLs, by type."""
    return {
        "id": MBID,
        "name": "Somebody",
        "relations": [
            {
                "type": kind,
                "target-type": "url",
                "direction": "forward",
                "ended": False,
                "url": {"id": GROUP, "resource": url},
            }
            for kind, url in urls.items()
        ],
    }


def claim(file: str | None, rank: str = "normal") -> dict[str, Any]:
    """A claim of Wikidata; without a file of the kind "unknown value"."""
    snak: dict[str, Any] = {"snaktype": "somevalue", "property": "P18"}
    if file is not None:
        snak = {
            "snaktype": "value",
            "property": "P18",
            "datavalue": {"value": file, "type": "string"},
            "datatype": "commonsMedia",
        }
    return {"mainsnak": snak, "type": "statement", "id": "Q1$1", "rank": rank}


def claims(*every: dict[str, Any]) -> dict[str, Any]:
    """The answer of wbgetclaims."""
    return {"claims": {"P18": list(every)}}


def imageinfo(thumburl: str, url: str) -> dict[str, Any]:
    """The answer of imageinfo for one file."""
    return {
        "batchcomplete": True,
        "query": {
            "pages": [
                {
                    "pageid": 1,
                    "ns": 6,
                    "title": "File:Somebody 2019.jpg",
                    "imageinfo": [
                        {
                            "thumburl": thumburl,
                            "thumbwidth": 1280,
                            "thumbheight": 1280,
                            "url": url,
                            "descriptionurl": "https://commons.wikimedia.org/wiki/File:S.jpg",
                            "extmetadata": {
                                "LicenseShortName": {"value": "CC BY-SA 4.0", "source": "x"},
                                "Artist": {
                                    "value": '<a href="//x.org" title="User:A">Ann  &amp; '
                                    "<b>Bob</b></a>",
                                    "source": "commons-desc-page",
                                },
                            },
                        }
                    ],
                }
            ]
        },
    }


def lastfm(kind: str, name: str, picture: str) -> dict[str, Any]:
    """The answer of getinfo."""
    sizes = ("small", "medium", "large", "extralarge", "mega", "")
    images = [{"#text": picture, "size": size} for size in sizes]
    return {kind: {"name": name, "artist": "Somebody", "image": images, "playcount": "1"}}


def mb_id(number: int) -> str:
    """A MusicBrainz id."""
    return f"00000000-0000-4000-8000-{number:012}"


def mb_credit(name: str, number: int) -> list[dict[str, Any]]:
    """Who is credited."""
    artist = {"id": mb_id(number), "name": name, "sort-name": name, "disambiguation": ""}
    return [{"name": name, "joinphrase": "", "artist": artist}]


def mb_recording(
    number: int, title: str, seconds: float | None, artist: str = "Somebody", **more: Any
) -> dict[str, Any]:
    """A recording of MusicBrainz; its artist is number 1, or `artist_number`."""
    credit = mb_credit(artist, more.pop("artist_number", 1))
    return {
        "id": mb_id(number),
        "title": title,
        "length": None if seconds is None else round(seconds * 1000),
        "video": False,
        "disambiguation": "",
        "first-release-date": "1999-05-01",
        "artist-credit": credit,
        "isrcs": [f"GBAAA99{number:05}"],
        "genres": [{"id": GROUP, "name": "dub", "count": 1, "disambiguation": ""}],
        "relations": [],
        **more,
    }


def mb_release(number: int, *recordings: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A release of MusicBrainz with these recordings, "Blue Record" by Somebody, of the group 900.

    `group` is the number of another release group.
    """
    title = more.pop("title", "Blue Record")
    group = more.pop("group", 900)
    tracks = [
        {
            "id": mb_id(number * 100 + position),
            "position": position,
            "number": str(position),
            "title": each["title"],
            "length": each["length"],
            "artist-credit": each["artist-credit"],
            "recording": each,
        }
        for position, each in enumerate(recordings, 1)
    ]
    label = {"id": mb_id(7), "name": "Small Label"}
    return {
        "id": mb_id(number),
        "title": title,
        "status": "Official",
        "date": "2001-02-03",
        "country": "GB",
        "barcode": "0123456789012",
        "disambiguation": "",
        "packaging": None,
        "artist-credit": mb_credit("Somebody", 1),
        "release-group": {
            "id": mb_id(group),
            "title": title,
            "primary-type": "Album",
            "secondary-types": [],
            "first-release-date": "1999-05-01",
            "disambiguation": "",
            "genres": [
                {"id": GROUP, "name": "ambient", "count": 2, "disambiguation": ""},
                {"id": MBID, "name": "electronic", "count": 9, "disambiguation": ""},
            ],
            "relations": [],
        },
        "label-info": [{"catalog-number": "SL 42", "label": label}],
        "media": [
            {
                "position": 1,
                "format": "CD",
                "title": "",
                "track-count": len(recordings),
                "track-offset": 0,
                "tracks": tracks,
            }
        ],
        "genres": [],
        "relations": relations(discogs="https://www.discogs.com/release/1")["relations"],
        **more,
    }


def mb_found(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """The answer to a search; a release of it has no tracks."""
    found = [_listed(each) | {"score": 100} for each in entries]
    return {"created": "2026-01-01T00:00:00Z", "count": len(found), "offset": 0, kind: found}


def mb_artist(number: int, name: str, **more: Any) -> dict[str, Any]:
    """An artist of MusicBrainz."""
    return {
        "id": mb_id(number),
        "name": name,
        "sort-name": name,
        "type": "Group",
        "type-id": GROUP,
        "gender": None,
        "disambiguation": "a band",
        "country": "GB",
        "area": {"id": GROUP, "name": "United Kingdom", "iso-3166-1-codes": ["GB"]},
        "life-span": {"begin": "1988", "end": None, "ended": False},
        "aliases": [{"name": "Some Body", "locale": None, "primary": None}],
        "genres": [{"id": GROUP, "name": "dub", "count": 3, "disambiguation": ""}],
        "isnis": [],
        "ipis": [],
        "relations": [],
        **more,
    }


def _listed(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as lists have it."""
    if "media" not in entry:
        return dict(entry)
    media = [{k: v for k, v in each.items() if k != "tracks"} for each in entry["media"]]
    count = sum(each["track-count"] for each in media)
    return {**entry, "media": media, "track-count": count}


def listeners(plays: int, users: int) -> dict[str, Any]:
    """The listeners of an artist, by ListenBrainz."""
    return {
        "payload": {
            "artist_mbid": MBID,
            "artist_name": "Somebody",
            "from_ts": 1009843200,
            "last_updated": 1700000000,
            "listeners": [{"listen_count": 12, "user_name": "rob"}],
            "stats_range": "all_time",
            "to_ts": 1700000000,
            "total_listen_count": plays,
            "total_user_count": users,
        }
    }


def similar(*names: str) -> list[dict[str, Any]]:
    """Similar artists, by ListenBrainz' labs, the first the most similar."""
    return [
        {
            "artist_mbid": mb_id(500 + place),
            "name": name,
            "comment": "",
            "type": "Group",
            "gender": None,
            "score": 1000 // (place + 1),
            "reference_mbid": MBID,
        }
        for place, name in enumerate(names)
    ]


def lastfm_info(name: str, mbid: str) -> dict[str, Any]:
    """The answer of artist.getinfo."""
    return {
        "artist": {
            "name": name,
            "mbid": mbid,
            "url": f"https://www.last.fm/music/{name}",
            "image": [{"#text": f"https://x/{STAR}.png", "size": "mega"}],
            "streamable": "0",
            "stats": {"listeners": "12345", "playcount": "678901"},
            "similar": {"artist": []},
            "tags": {"tag": [{"name": "dub", "url": "https://www.last.fm/tag/dub"}]},
            "bio": {"links": {}, "published": "", "summary": "x", "content": "x"},
        }
    }


def lastfm_similar(*names: str) -> dict[str, Any]:
    """The answer of artist.getsimilar."""
    found = [{"name": name, "mbid": "", "match": "0.5", "url": "https://x"} for name in names]
    return {"similarartists": {"artist": found, "@attr": {"artist": "Somebody"}}}


def sitelinks(entity: str, title: str) -> dict[str, Any]:
    """The answer of wbgetentities."""
    link = {"site": "enwiki", "title": title, "badges": []}
    return {"entities": {entity: {"type": "item", "id": entity, "sitelinks": {"enwiki": link}}}}


def extract(title: str, text: str, **props: str) -> dict[str, Any]:
    """The beginning of an article."""
    page: dict[str, Any] = {
        "pageid": 1,
        "ns": 0,
        "title": title,
        "extract": text,
        "fullurl": f"https://en.wikipedia.org/wiki/{title}",
    }
    return {
        "batchcomplete": True,
        "query": {"pages": [page | ({"pageprops": props} if props else {})]},
    }


def acoustid(recording: str, title: str, score: float) -> dict[str, Any]:
    """A lookup of AcoustID."""
    artists = [{"id": MBID, "name": "Somebody"}]
    found = {"id": recording, "title": title, "duration": 200, "artists": artists}
    return {"status": "ok", "results": [{"id": GROUP, "score": score, "recordings": [found]}]}
