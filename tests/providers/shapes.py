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
