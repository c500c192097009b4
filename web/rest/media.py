"""Media: files of songs as they are, pictures in the sizes of thumbnails, and lyrics."""

import re
from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Response

from db.artwork.image_files import SIZES
from db.library import catalogue, tracks
from db.library.catalogue import Song
from db.library.search import matching
from db.models import EntityType, Lyrics
from db.sql.queries import among, tuples
from web.pages import images
from web.pages import tracks as track_pages
from web.rest.answers import VALUE, AnswerError, Body, Code
from web.rest.door import Request, method

_MOST_TITLES = 200
_LARGEST = 10_000


@method("stream")
def stream(asked: Request) -> Response:
    """The file of a song, as it is: nothing is converted."""
    asked.number("maxBitRate", 0)
    return track_pages.sent(_file(asked))


@method("download")
def download(asked: Request) -> Response:
    """The same, to be saved."""
    return track_pages.sent(_file(asked), to_be_saved=True)


def _file(asked: Request) -> tracks.PresentFile:
    """The file of a song. Raises AnswerError, also for a song that is a part of one.

    Its bytes are those of the whole file, which would be another song: a part is not sent.
    """
    wanted = asked.id("id", "tr").number
    found = tracks.present_file(wanted)
    if found is None:
        raise AnswerError(Code.NOT_FOUND, "There is no such song, or its file is gone.")
    if found.part:
        says = "This song is a part of a file, which a cue sheet divides, and is not sent: "
        raise AnswerError(Code.GENERIC, f"{says}only whole files are.")
    return found


@method("getCoverArt")
def cover_art(asked: Request) -> Response:
    """A picture: in a size the thumbnail that is as large or larger, without one the original."""
    digest = _digest(asked)
    size = asked.number("size", 0, _LARGEST)
    if not size:
        return images.original(digest)
    return images.thumbnail(digest, next((each for each in SIZES if each >= size), SIZES[-1]))


def _digest(asked: Request) -> str:
    wanted = asked.id("id", "tr", "al", "ar", "dc")
    found: str | None = None
    if wanted.kind == "dc":
        disc = asked.numbers("id", wanted.rest)
        found = catalogue.disc_covers(wanted.number).get(disc)
    elif wanted.kind == "tr":
        songs = catalogue.songs([wanted.number])
        album = songs.songs[0].album_id if songs.songs else None
        found = songs.covers.get(wanted.number) or songs.album_covers.get(album or 0)
    elif wanted.kind in {"al", "ar"}:
        kind = EntityType.ALBUM if wanted.kind == "al" else EntityType.ARTIST
        found = catalogue.fronts(kind, [wanted.number]).get(wanted.number)
    if found is None:
        raise AnswerError(Code.NOT_FOUND, "It has no picture.")
    return found


@method("getLyricsBySongId")
def lyrics_by_song(asked: Request) -> Body:
    """The lyrics of a song, line by line, with times where they have them."""
    wanted = asked.id("id", "tr").number
    found = catalogue.songs([wanted])
    if not found.songs:
        raise AnswerError(Code.NOT_FOUND, "There is no such song, or its file is gone.")
    song = found.songs[0]
    artist = song.credit or ", ".join(each.name for each in found.artists.get(wanted, []))
    query = Lyrics.select(Lyrics.language, Lyrics.is_synced, Lyrics.text)
    rows = tuples(query.where(Lyrics.track == wanted).order_by(Lyrics.position))
    return {"lyricsList": {"structuredLyrics": [_structured(song, artist, *row) for row in rows]}}


def _structured(song: Song, artist: str, language: str | None, synced: bool, text: str) -> Body:
    lines = list(_timed(text)) if synced else []
    plain = [{VALUE: line.strip()} for line in text.strip().splitlines()]
    names = {"displayArtist": artist, "displayTitle": song.title}
    return {
        **{name: value for name, value in names.items() if value},
        "lang": language or "und",
        "synced": bool(lines),
        "offset": _offset(text) if lines else 0,
        "line": sorted(lines, key=lambda each: each["start"]) or plain,
    }


_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_TAG = re.compile(r"\[[A-Za-z#]+:[^\]]*\]")
_WORD_TIME = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")
_OFFSET = re.compile(r"\[offset:\s*([+-]?\d{1,7})\s*\]", re.IGNORECASE)


def _timed(text: str) -> Iterable[dict[str, Any]]:
    """The lines of an LRC file, one for each of their times, in milliseconds."""
    for line in text.splitlines():
        words = _WORD_TIME.sub("", _TAG.sub("", _TIME.sub("", line))).strip()
        for minutes, seconds, part in _TIME.findall(line):
            whole = 60_000 * int(minutes) + 1000 * int(seconds)
            yield {"start": whole + int(part.ljust(3, "0") if part else 0), VALUE: words}


def _offset(text: str) -> int:
    found = _OFFSET.search(text)
    return int(found[1]) if found else 0


@method("getLyrics")
def lyrics(asked: Request) -> Body:
    """The lyrics of the song of this title and artist; an empty text where there are none."""
    artist, title = asked.text("artist", ""), asked.text("title", "")
    ids = matching(EntityType.TRACK, title, _MOST_TITLES, 0) if title.strip() else []
    query = Lyrics.select(Lyrics.track, Lyrics.text).where(among(Lyrics.track, ids))
    texts = dict(tuples(query.order_by(Lyrics.position.desc())))
    found = catalogue.songs([each for each in ids if each in texts])
    for song in found.songs:
        names = {each.name.casefold() for each in found.artists.get(song.id, [])}
        if not artist or artist.casefold() in names:
            plain = _WORD_TIME.sub("", _TAG.sub("", _TIME.sub("", texts[song.id])))
            return {"lyrics": {"artist": artist, "title": title, VALUE: plain.strip()}}
    return {"lyrics": {VALUE: ""}}
