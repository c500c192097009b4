"""Songs, albums and artists as answers have them, with what the user says of each.

Ids have a kind: tr-, al-, ar- and a number, which stay as long as the row does. The id of a picture
ends in the begin of its digest, so that no player shows an old one for a new one.
"""

import json
import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache

from db.library import catalogue
from db.library.catalogue import AlbumRow, Albums, ArtistRow, Credited, Song, Songs
from db.models import EntityType
from db.scanning import scans
from db.sql import path_text
from db.users import annotations, playlists
from db.users.annotations import NOTHING, Said
from web.pages.tracks import media_type
from web.rest.answers import AnswerError, Body, Code, moment
from web.rest.door import Request

_media_type = lru_cache(maxsize=100)(media_type)
LETTERS = {EntityType.TRACK: "tr", EntityType.ALBUM: "al", EntityType.ARTIST: "ar"}
"""How ids begin."""
_DIGEST = 8
_REFERENCE = -18.0
"""LUFS to which ReplayGain 2.0 brings a track."""
IGNORED = "The El La Los Las Le Les"
"""Articles that do not count in the order of names."""
_ARTICLES = tuple(f"{each.lower()} " for each in IGNORED.split())


def cover(entity_type: EntityType, entity_id: int, digest: str) -> str:
    """The id of a picture."""
    return f"{LETTERS[entity_type]}-{entity_id}_{digest[:_DIGEST]}"


def songs(asked: Request, track_ids: Sequence[int]) -> list[Body]:
    """Those of the tracks whose files are there, in order."""
    found, user = catalogue.songs(track_ids), asked.user.id
    ids = [each.id for each in found.songs]
    said = annotations.said(user, EntityType.TRACK, ids)
    marks = playlists.bookmark_places(user, ids)
    roots = sorted((f"{each.rstrip('/')}/" for each in scans.roots()), key=len, reverse=True)
    return [
        _song(each, found, said.get(each.id, NOTHING), marks.get(each.id), roots)
        for each in found.songs
    ]


def song(asked: Request, track_id: int) -> Body:
    """A track whose file is there. Raises AnswerError."""
    found = songs(asked, [track_id])
    if not found:
        raise AnswerError(Code.NOT_FOUND, "There is no such song, or its file is gone.")
    return found[0]


def _song(row: Song, found: Songs, said: Said, mark: int | None, roots: Sequence[str]) -> Body:
    artists = found.artists.get(row.id, [])
    album_artists = found.album_artists.get(row.album_id or 0, [])
    genres = found.genres.get(row.id, [])
    shown = row.credit or ", ".join([each.name for each in artists]) or None
    album = row.album_id and f"al-{row.album_id}"
    body: Body = {
        "id": f"tr-{row.id}",
        "parent": album,
        "isDir": False,
        "title": row.title or _shown(posixpath.basename(row.path)),
        "album": row.album,
        "artist": shown,
        "track": row.track,
        "year": _year(row.original_date or row.date),
        "genre": genres[0] if genres else None,
        "coverArt": _song_cover(row, found),
        "path": _path(row.path, roots),
        "discNumber": row.disc,
        "created": moment(row.added_text),
        "albumId": album,
        "artistId": f"ar-{artists[0].id}" if artists else None,
        "bookmarkPosition": mark,
        "sortName": row.title_sort,
        "musicBrainzId": row.musicbrainz_id,
        "displayArtist": shown,
        "displayAlbumArtist": row.album_artist,
        **_file(row),
        **_said(said),
        "genres": [{"name": name} for name in genres],
        "artists": [_credited(each) for each in artists],
        "albumArtists": [_credited(each) for each in album_artists],
        "isrc": _listed(row.isrcs_text),
        "moods": _listed(row.moods_text),
        "displayComposer": ", ".join(_listed(row.composers_text)) or None,
        "replayGain": _gain(row),
        "guessed": _guessed(row) or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _file(row: Song) -> Body:
    """What is known of the file and its sound."""
    ending = posixpath.splitext(row.path)[1]
    return {
        "size": row.size,
        "contentType": _media_type(ending),
        "suffix": ending[1:].lower() or row.codec,
        "duration": None if row.duration is None else round(row.duration),
        "bitRate": None if row.bit_rate is None else round(row.bit_rate / 1000),
        "bitDepth": row.bit_depth,
        "samplingRate": row.sample_rate,
        "channelCount": row.channels,
        "isVideo": False,
        "type": "music",
        "mediaType": "song",
        "bpm": _bpm(row),
        "key": row.key or row.tag_key,
    }


def _listed(text: str) -> list[str]:
    found: list[str] = [] if text == "[]" else json.loads(text)
    return found


def _credited(artist: Credited) -> Body:
    return {"id": f"ar-{artist.id}", "name": artist.name}


def _year(date: str | None) -> int | None:
    return int(date[:4]) if date and date[:4].isdecimal() and date.isascii() else None


def _path(path: str, roots: Sequence[str]) -> str:
    """Below its root: where that lies is nobody's business."""
    root = next((root for root in roots if path.startswith(root)), "")
    return _shown(path[len(root) :] if root else posixpath.basename(path))


def _shown(path: str) -> str:
    return path if path.isascii() and path.isprintable() else path_text.shown(path)


def _song_cover(row: Song, found: Songs) -> str | None:
    if digest := found.covers.get(row.id):
        return cover(EntityType.TRACK, row.id, digest)
    digest = found.album_covers.get(row.album_id or 0)
    return cover(EntityType.ALBUM, row.album_id or 0, digest) if digest else None


def _bpm(row: Song) -> int | None:
    found = row.bpm or row.tag_bpm
    return round(found) if found else None


def _gain(row: Song) -> Body | None:
    """Of its tags; else the gain that its measured loudness gives."""
    values = {
        "trackGain": row.track_gain,
        "trackPeak": row.track_peak,
        "albumGain": row.album_gain,
        "albumPeak": row.album_peak,
    }
    if row.track_gain is None and row.loudness is not None:
        values["trackGain"] = round(_REFERENCE - row.loudness, 2)
    return {name: value for name, value in values.items() if value is not None} or None


def _guessed(row: Song) -> Body:
    """What the tags do not say, each with its source: no field of the specification."""
    found: Body = json.loads(row.guessed_text) if row.guessed_text not in {None, "null"} else {}
    if row.bpm and not row.own_bpm:
        found["bpm"] = "sound"
    if row.key:
        found["key"] = "sound"
    if row.track_gain is None and row.loudness is not None:
        found["trackGain"] = "sound"
    return found


def _said(said: Said) -> Body:
    """What a user says of an entity; without a play there is no count."""
    if said is NOTHING:
        return {}
    return {
        "starred": said.starred_at and moment(said.starred_at),
        "userRating": said.rating,
        "playCount": said.plays or None,
        "played": said.played_at and moment(said.played_at),
    }


def albums(asked: Request, album_ids: Sequence[int]) -> list[Body]:
    """Those of the albums of which a track is there, as AlbumID3."""
    found = catalogue.albums(album_ids)
    said = annotations.said(asked.user.id, EntityType.ALBUM, [each.id for each in found.albums])
    return [_album(each, found, said.get(each.id, NOTHING)) for each in found.albums]


def _album(row: AlbumRow, found: Albums, said: Said) -> Body:
    artists, genres = found.artists.get(row.id, []), found.genres.get(row.id, [])
    digest, kind = found.covers.get(row.id), found.types.get(row.id)
    body = {
        "id": f"al-{row.id}",
        "name": row.title or "[Unknown Album]",
        "version": row.edition,
        "artist": row.album_artist,
        "artistId": f"ar-{artists[0].id}" if artists else None,
        "coverArt": cover(EntityType.ALBUM, row.id, digest) if digest else None,
        "songCount": row.songs,
        "duration": round(found.seconds.get(row.id, 0)),
        "created": moment(row.added_text),
        "year": _year(row.original_date or row.date),
        "genre": genres[0] if genres else None,
        "musicBrainzId": row.musicbrainz_id,
        "displayArtist": row.album_artist,
        "sortName": row.sort_title,
        "isCompilation": bool(row.compilation),
        **_said(said),
        "recordLabels": [{"name": row.label}] if row.label else [],
        "genres": [{"name": name} for name in genres],
        "artists": [_credited(each) for each in artists],
        "releaseTypes": [kind] if kind else [],
        "originalReleaseDate": _date(row.original_date or row.date),
        "releaseDate": _date(row.date),
    }
    return {name: value for name, value in body.items() if value is not None}


_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")


def _date(text: str | None) -> Body:
    match = _DATE.match(text or "")
    parts = zip(("year", "month", "day"), match.groups() if match else (), strict=False)
    return {name: int(value) for name, value in parts if value}


_OF_DIRECTORY = (
    *("artist", "year", "genre", "coverArt", "created", "duration", "songCount"),
    *("starred", "userRating", "playCount", "played"),
)


def directories(asked: Request, album_ids: Sequence[int]) -> list[Body]:
    """The same albums as folders, for players that browse by these."""
    return [directory(each) for each in albums(asked, album_ids)]


def directory(album: Body) -> Body:
    """An album as a folder in that of its artist."""
    body = {"id": album["id"], "isDir": True, "title": album["name"], "album": album["name"]}
    if "artistId" in album:
        body |= {"parent": album["artistId"], "artistId": album["artistId"]}
    body["mediaType"] = "album"
    return body | {name: album[name] for name in _OF_DIRECTORY if name in album}


def artists(asked: Request, rows: Sequence[ArtistRow]) -> list[Body]:
    """Artists as ArtistID3."""
    said = annotations.said(asked.user.id, EntityType.ARTIST, [each.id for each in rows])
    return [_artist(each, said.get(each.id, NOTHING)) for each in rows]


def _artist(row: ArtistRow, said: Said) -> Body:
    body = {
        "id": f"ar-{row.id}",
        "name": row.name,
        "coverArt": cover(EntityType.ARTIST, row.id, row.cover) if row.cover else None,
        "albumCount": row.albums,
        "musicBrainzId": row.musicbrainz_id,
        "sortName": row.sort_name,
        "starred": said.starred_at and moment(said.starred_at),
        "userRating": said.rating,
    }
    return {name: value for name, value in body.items() if value is not None}


def artist_directory(row: ArtistRow) -> Body:
    """An artist as a folder among others."""
    return {"id": f"ar-{row.id}", "isDir": True, "title": row.name, "artist": row.name}


_OF_FOLDER = ("id", "name", "starred", "userRating", "coverArt")


def folders(found: Sequence[Body]) -> list[Body]:
    """The same artists as folders."""
    return [{name: each[name] for name in _OF_FOLDER if name in each} for each in found]


def indexed(rows: Sequence[ArtistRow], bodies: Sequence[Body]) -> list[Body]:
    """Artists under the letters that their names begin with, without an article."""
    by_letter: dict[str, list[tuple[str, Body]]] = {}
    for row, body in zip(rows, bodies, strict=True):
        name = row.sort_key or row.name.lower()
        if name.startswith(_ARTICLES):
            name = name.partition(" ")[2]
        letter = name[:1].upper()
        by_letter.setdefault(letter if letter.isalpha() else "#", []).append((name, body))
    return [
        {"name": letter, "artist": [body for _, body in sorted(found, key=lambda each: each[0])]}
        for letter, found in sorted(by_letter.items())
    ]
