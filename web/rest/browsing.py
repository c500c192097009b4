"""Browsing: music folders, artists, albums, songs, genres, and what the web says of them."""

import time
import zlib
from datetime import UTC, datetime
from typing import Any

from db.artwork import image_files
from db.enrichment import facts
from db.library import catalogue, lists
from db.library.gallery import disambiguations
from db.models import Artist, EntityType, Scan
from db.scanning import scans
from db.sql.path_text import shown
from db.sql.queries import among, tuples
from db.users import annotations
from web.rest import bodies
from web.rest.answers import VALUE, AnswerError, Body, Code
from web.rest.door import Id, Request, art_url, is_of_others, kept, method, parsed

_KEPT_SECONDS = 60.0
TYPES = {"tr": EntityType.TRACK, "al": EntityType.ALBUM, "ar": EntityType.ARTIST}
_MOST_SIMILAR = 200


def folder_id(root: str) -> int:
    """The id of a music folder: the same for the same path."""
    return zlib.crc32(root.encode("utf-8", "replace")) & 0x7FFFFFFF


def root_of(asked: Request) -> str | None:
    """The root that the request limits its answer to; None for all. Raises AnswerError."""
    text, known = asked.text("musicFolderId", ""), scans.roots()
    if not text:
        return None
    wanted = -1 if is_of_others(text) else asked.number("musicFolderId")
    found = next((root for root in known if folder_id(root) == wanted), None)
    if found is None:
        raise AnswerError(Code.NOT_FOUND, "There is no such music folder: see getMusicFolders.")
    return found if len(known) > 1 else None


@method("getMusicFolders")
def music_folders(_: Request) -> Body:
    """The roots of the library, by the names of the folders alone."""
    folders = [{"id": folder_id(each), "name": _folder_name(each)} for each in scans.roots()]
    return {"musicFolders": {"musicFolder": folders}}


def _folder_name(root: str) -> str:
    return shown(root.rstrip("/").rpartition("/")[2])


@method("getIndexes")
def indexes(asked: Request) -> Body:
    """The artists of albums by letter, as folders; none when nothing changed since."""
    since, changed = asked.number("ifModifiedSince", 0, 2**53), _changed()
    root = root_of(asked)
    found: list[Body] = []
    if not since or since < changed:
        rows = catalogue.album_artists(root)
        found = bodies.indexed(rows, bodies.folders(bodies.artists(asked, rows)))
    return {"indexes": _head() | {"lastModified": changed, "index": found}}


def _head() -> Body:
    return {"ignoredArticles": bodies.IGNORED}


def _changed() -> int:
    """When the last scan ended, in milliseconds; while one runs, the present."""
    if scans.all_unfinished():
        return int(time.time() * 1000)
    last = max((each for (each,) in tuples(Scan.select(Scan.finished_at))), default=None)
    return int(last.replace(tzinfo=UTC).timestamp() * 1000) if isinstance(last, datetime) else 0


@method("getArtists")
def artists(asked: Request) -> Body:
    """The artists of albums by letter."""
    rows = catalogue.album_artists(root_of(asked))
    index = bodies.indexed(rows, bodies.artists(asked, rows))
    return {"artists": _head() | {"index": index}}


@method("getArtist")
def artist(asked: Request) -> Body:
    """An artist, with the albums that the artist leads."""
    found = _artist(asked, asked.id("id", "ar").number)
    albums = bodies.albums(asked, lists.by_artist(int(found["id"][3:])))
    return {"artist": found | {"album": albums}}


def _artist(asked: Request, artist_id: int) -> Body:
    rows = catalogue.artists([artist_id])
    if not rows:
        raise AnswerError(Code.NOT_FOUND, "There is no such artist.")
    body = bodies.artists(asked, rows)[0]
    says = disambiguations([artist_id]).get(artist_id)
    return body | ({"disambiguation": says} if says else {}) | {"roles": catalogue.roles(artist_id)}


@method("getAlbum")
def album(asked: Request) -> Body:
    """An album with its songs."""
    found = _album(asked, asked.id("id", "al").number)
    album_id = int(found["id"][3:])
    songs = bodies.songs(asked, lists.of_album(album_id))
    moods = dict.fromkeys(mood for song in songs for mood in song["moods"])
    found["moods"] = list(moods)
    found["discTitles"] = _disc_titles(album_id)
    return {"album": found | {"song": songs}}


def _album(asked: Request, album_id: int) -> Body:
    found = bodies.albums(asked, [album_id])
    if not found:
        raise AnswerError(Code.NOT_FOUND, "There is no such album.")
    return found[0]


def _disc_titles(album_id: int) -> list[Body]:
    """What the discs are called that have a name, with the pictures of theirs."""
    covers = catalogue.disc_covers(album_id)
    return [
        {"disc": disc, "title": title}
        | ({"coverArt": f"dc-{album_id}-{disc}_{covers[disc][:8]}"} if disc in covers else {})
        for disc, title in catalogue.disc_titles(album_id)
    ]


@method("getSong")
def song(asked: Request) -> Body:
    """A song."""
    return {"song": bodies.song(asked, asked.id("id", "tr").number)}


@method("getMusicDirectory")
def music_directory(asked: Request) -> Body:
    """A folder: a music folder has artists in it, an artist albums, and an album songs."""
    text = asked.text("id")
    if text.isdecimal():
        return {"directory": _music_folder(asked, text)}
    wanted = parsed(text, "ar", "al")
    if wanted.kind == "al":
        found = _album(asked, wanted.number)
        songs = bodies.songs(asked, lists.of_album(wanted.number))
        body = {"id": found["id"], "name": found["name"], "parent": found.get("artistId")}
    else:
        found = _artist(asked, wanted.number)
        songs = bodies.directories(asked, lists.by_artist(wanted.number))
        body = {"id": found["id"], "name": found["name"]}
    known = {name: found[name] for name in ("starred", "userRating", "playCount") if name in found}
    kept = {name: value for name, value in body.items() if value is not None}
    return {"directory": kept | known | {"child": songs}}


def _music_folder(asked: Request, text: str) -> Body:
    wanted = asked.numbers("id", text)
    root = next((each for each in scans.roots() if folder_id(each) == wanted), None)
    if root is None:
        raise AnswerError(Code.NOT_FOUND, "There is no such folder.")
    rows = catalogue.album_artists(root)
    child = [bodies.artist_directory(each) | {"parent": text} for each in rows]
    return {"id": text, "name": _folder_name(root), "child": child}


@method("getGenres")
def genres(_: Request) -> Body:
    """The genres, with how many songs and albums have each."""
    listed = [
        {"songCount": each.songs, "albumCount": each.albums, VALUE: each.name}
        for each in kept("genres", _KEPT_SECONDS, lists.genres)
    ]
    return {"genres": {"genre": listed}}


@method("getArtistInfo", "getArtistInfo2")
def artist_info(asked: Request) -> Body:
    """What the web says of an artist, and similar artists of this library."""
    wanted = asked.id("id", "ar", "al", "tr")
    artist_id = _artist_of(wanted)
    row = _artist(asked, artist_id)
    known = facts.known_facts(EntityType.ARTIST, artist_id)
    body = _info(EntityType.ARTIST, artist_id, known, "biography")
    if "musicBrainzId" in row:
        body["musicBrainzId"] = row["musicBrainzId"]
    count = min(asked.number("count", 20), _MOST_SIMILAR)
    similar = bodies.artists(asked, catalogue.artists(_similar(known, count)))
    is_second = asked.name == "getArtistInfo2"
    body["similarArtist"] = similar if is_second else bodies.folders(similar)
    return {"artistInfo2" if is_second else "artistInfo": body}


def _artist_of(wanted: Id) -> int:
    """The artist that is meant by an artist, an album or a song. Raises AnswerError."""
    if wanted.kind == "ar":
        return wanted.number
    found = catalogue.credited(TYPES[wanted.kind], [wanted.number]).get(wanted.number)
    if not found:
        raise AnswerError(Code.NOT_FOUND, "It has no artist.")
    return found[0].id


def _similar(known: list[facts.KnownFact], count: int) -> list[int]:
    """The artists of this library among those that the web says are similar, in its order."""
    said = [each for fact in known if fact.field == "similar_artists" for each in fact.value]
    ids = [each["id"] for each in said if isinstance(each, dict) and each.get("id")]
    query = Artist.select(Artist.musicbrainz_id, Artist.id).where(among(Artist.musicbrainz_id, ids))
    rows = dict(tuples(query))
    return list(dict.fromkeys(rows[each] for each in ids if each in rows))[:count]


def _info(
    entity_type: EntityType, entity_id: int, known: list[facts.KnownFact], about: str
) -> Body:
    """What is written about an entity, its page at Last.fm, and its picture in three sizes."""
    body: dict[str, Any] = {}
    for fact in known:
        if fact.field == "biography" and isinstance(fact.value, str):
            body.setdefault(about, fact.value)
        if fact.source == "lastfm" and fact.url:
            body.setdefault("lastFmUrl", fact.url)
    digest = catalogue.fronts(entity_type, [entity_id]).get(entity_id)
    sizes = zip(("small", "medium", "large"), image_files.SIZES[1:], strict=True)
    if digest:
        art = bodies.cover(entity_type, entity_id, digest)
        body |= {f"{name}ImageUrl": art_url(art, size) for name, size in sizes}
    return body


@method("getAlbumInfo", "getAlbumInfo2")
def album_info(asked: Request) -> Body:
    """What the web says of an album."""
    wanted = asked.id("id", "al", "tr")
    album_id = wanted.number
    if wanted.kind == "tr":
        album_id = int(bodies.song(asked, wanted.number).get("albumId", "al-0")[3:])
    found = _album(asked, album_id)
    known = facts.known_facts(EntityType.ALBUM, album_id)
    body = _info(EntityType.ALBUM, album_id, known, "notes")
    if "musicBrainzId" in found:
        body["musicBrainzId"] = found["musicBrainzId"]
    return {"albumInfo": body}


@method("getTopSongs")
def top_songs(asked: Request) -> Body:
    """The songs of an artist that the web says are played most, then those that users play."""
    count = asked.number("count", 50, 500)
    if asked.has("id"):
        artist_id = asked.id("id", "ar").number
    else:
        query = Artist.select(Artist.id).where(Artist.name == asked.text("artist"))
        artist_id = next((each for (each,) in tuples(query)), 0)
    ids = lists.played_by(artist_id, 5_000)
    known, played = lists.listeners(ids), annotations.plays_of([asked.user.id], ids)
    best = [each for each in ids if known.get(each) or played[each]]
    best.sort(key=lambda each: (-known.get(each, 0), -played[each], each))
    return {"topSongs": {"song": bodies.songs(asked, best[:count])}}
