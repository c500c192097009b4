"""Lists of albums and songs, and search."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from db.library import catalogue, lists
from db.library.lists import AlbumOrder, Which
from db.library.search import matching, newer
from db.models import EntityType
from db.users import annotations
from web.rest import bodies
from web.rest.answers import AnswerError, Body, Code
from web.rest.browsing import root_of
from web.rest.door import Request, kept, method

_MOST = 500
"""Of a list, as the specification says."""
_MOST_FOUND = 5_000
"""Of a search."""
_MOST_MATCHING = 2_000
"""Of a search by the first players."""
_LAST_YEAR = 9_999
_LATEST = 253_402_300_799_999
"""Milliseconds: the end of that year."""
_KEPT_SECONDS = 60.0
Found = Callable[[int, int], list[int]]
"""The ids of a page, by how many it has at most and where it begins."""


def _ordered(order: AlbumOrder) -> Callable[[Request, Which], Found]:
    return lambda _, which: lambda most, first: lists.albums(which, order, most, first)


def _by_year(asked: Request, which: Which) -> Found:
    first, last = _year(asked, "fromYear"), _year(asked, "toYear")
    order = AlbumOrder.YEAR if first <= last else AlbumOrder.YEAR_BACK
    wanted = which._replace(years=(min(first, last), max(first, last)))
    return lambda most, begin: lists.albums(wanted, order, most, begin)


def _year(asked: Request, name: str) -> int:
    return asked.numbers(name, asked.text(name), _LAST_YEAR, least=-_LAST_YEAR)


def _by_genre(asked: Request, which: Which) -> Found:
    wanted = which._replace(genre=asked.text("genre"))
    return lambda most, first: lists.albums(wanted, AlbumOrder.NAME, most, first)


def _of_user(list_: Callable[[int, int, int], list[int]]) -> Callable[[Request, Which], Found]:
    """Albums by what the user says of them; a root is a condition of what is found."""

    def found(asked: Request, which: Which) -> Found:
        if which.root is None:
            return lambda most, first: list_(asked.user.id, most, first)
        everything = list_(asked.user.id, _MOST_FOUND, 0)
        inside = lists.below_root(everything, which.root)
        return lambda most, first: inside[first : first + most]

    return found


def _most_played(user_id: int, most: int, first: int) -> list[int]:
    """All are sorted when the user has played something since, for the pages of a list."""
    plays = annotations.all_plays(user_id)
    name, make = f"most played {user_id}", partial(annotations.most_played_albums, user_id)
    return kept(name, _KEPT_SECONDS, make, plays)[first : first + most]


_TYPES: dict[str, Callable[[Request, Which], Found]] = {
    "random": lambda _, which: lambda most, _first: lists.random_albums(which, most),
    "newest": _ordered(AlbumOrder.NEWEST),
    "highest": _of_user(annotations.rated_albums),
    "frequent": _of_user(_most_played),
    "recent": _of_user(annotations.last_played_albums),
    "starred": _of_user(annotations.starred_albums),
    "alphabeticalByName": _ordered(AlbumOrder.NAME),
    "alphabeticalByArtist": _ordered(AlbumOrder.ARTIST),
    "byYear": _by_year,
    "byGenre": _by_genre,
}


def _album_ids(asked: Request) -> list[int]:
    wanted = asked.text("type")
    if wanted not in _TYPES:
        raise AnswerError(
            Code.GENERIC, f"type is {wanted[:50]!r}; write one of {', '.join(_TYPES)}."
        )
    size, offset = asked.number("size", 10, _MOST), asked.number("offset", 0)
    return _TYPES[wanted](asked, Which(root_of(asked)))(size, offset)


@method("getAlbumList")
def album_list(asked: Request) -> Body:
    """A list of albums, as folders."""
    return {"albumList": {"album": bodies.directories(asked, _album_ids(asked))}}


@method("getAlbumList2")
def album_list2(asked: Request) -> Body:
    """A list of albums."""
    return {"albumList2": {"album": bodies.albums(asked, _album_ids(asked))}}


@method("getRandomSongs")
def random_songs(asked: Request) -> Body:
    """Songs drawn at random, perhaps of a genre or of some years."""
    size = asked.number("size", 10, _MOST)
    years = None
    if asked.has("fromYear") or asked.has("toYear"):
        first = _year(asked, "fromYear") if asked.has("fromYear") else 0
        years = first, _year(asked, "toYear") if asked.has("toYear") else _LAST_YEAR
    which = Which(root_of(asked), asked.text("genre", "") or None, years)
    found = lists.random_songs(which, size)
    return {"randomSongs": {"song": bodies.songs(asked, found)}}


@method("getSongsByGenre")
def songs_by_genre(asked: Request) -> Body:
    """The songs of a genre."""
    which = Which(root_of(asked), asked.text("genre"))
    found = lists.songs(which, asked.number("count", 10, _MOST), asked.number("offset", 0))
    return {"songsByGenre": {"song": bodies.songs(asked, found)}}


@method("getStarred")
def starred(asked: Request) -> Body:
    """What the user starred, albums and artists as folders."""
    found = _starred(asked)
    albums = [bodies.directory(each) for each in found["album"]]
    return {"starred": found | {"artist": bodies.folders(found["artist"]), "album": albums}}


@method("getStarred2")
def starred2(asked: Request) -> Body:
    """What the user starred."""
    return {"starred2": _starred(asked)}


def _starred(asked: Request) -> Body:
    root, user = root_of(asked), asked.user.id
    albums = annotations.starred(user, EntityType.ALBUM)
    songs = annotations.starred(user, EntityType.TRACK)
    if root is not None:
        albums, songs = lists.below_root(albums, root), lists.songs_below(songs, root)
    artists = catalogue.artists(annotations.starred(user, EntityType.ARTIST))
    return {
        "artist": bodies.artists(asked, artists),
        "album": bodies.albums(asked, albums),
        "song": bodies.songs(asked, songs),
    }


@method("search2")
def search2(asked: Request) -> Body:
    """Artists and albums, as folders, and songs that have all words in their names."""
    found = _found(asked)
    albums = [bodies.directory(each) for each in found["album"]]
    return {"searchResult2": found | {"artist": bodies.folders(found["artist"]), "album": albums}}


@method("search3")
def search3(asked: Request) -> Body:
    """Artists, albums and songs that have all words in their names; without a word all."""
    return {"searchResult3": _found(asked)}


def _found(asked: Request) -> Body:
    text, root = asked.text("query"), root_of(asked)
    words = text.replace('"', " ").replace("*", " ")
    pages = {
        kind: (asked.number(f"{kind}Count", 20, _MOST_FOUND), asked.number(f"{kind}Offset", 0))
        for kind in ("artist", "album", "song")
    }
    which = Which(root)
    if words.strip():
        songs = matching(EntityType.TRACK, words, *pages["song"], root)
        albums = matching(EntityType.ALBUM, words, *pages["album"], root)
        artists = matching(EntityType.ARTIST, words, *pages["artist"], root)
    else:
        songs = lists.songs(which, *pages["song"])
        albums = lists.albums(which, AlbumOrder.NAME, *pages["album"])
        artists = lists.artists(root, *pages["artist"])
    return {
        "artist": bodies.artists(asked, catalogue.artists(artists)),
        "album": bodies.albums(asked, albums),
        "song": bodies.songs(asked, songs),
    }


_FIELDS: dict[str, tuple[EntityType, ...]] = {
    "artist": (EntityType.ARTIST,),
    "album": (EntityType.ALBUM,),
    "title": (EntityType.TRACK,),
    "any": (EntityType.ARTIST, EntityType.ALBUM, EntityType.TRACK),
}


@method("search")
def search(asked: Request) -> Body:
    """The search of the first players: artists and albums, as folders, or songs, or all of them."""
    count, offset = asked.number("count", 20, _MOST), asked.number("offset", 0)
    since = asked.number("newerThan", 0, _LATEST)
    field = next((each for each in _FIELDS if asked.has(each)), "any")
    words, root = asked.text(field), root_of(asked)
    found: list[tuple[EntityType, int]] = []
    for kind in _FIELDS[field]:
        ids = matching(kind, words, _MOST_MATCHING, 0, root)
        if since:
            ids = newer(kind, ids, datetime.fromtimestamp(since / 1000, UTC).replace(tzinfo=None))
        found += [(kind, each) for each in ids]
    page = found[offset : offset + count]
    matches: list[Body] = []
    for kind in _FIELDS[field]:
        matches += _as_files(asked, kind, [each for other, each in page if other is kind])
    return {"searchResult": {"offset": offset, "totalHits": len(found), "match": matches}}


def _as_files(asked: Request, kind: EntityType, ids: list[int]) -> list[Body]:
    """Songs, albums or artists, the latter two as folders."""
    if kind is EntityType.TRACK:
        return bodies.songs(asked, ids)
    if kind is EntityType.ALBUM:
        return bodies.directories(asked, ids)
    return [bodies.artist_directory(each) for each in catalogue.artists(ids)]
