"""What lies beside the sound: lyrics, and what says what tags lack.

An album.nfo or artist.nfo of the album and artist that the tags say, or of any where they say none,
comes first; then the names of the file and of its folders.

Nothing that tags say is changed, and names count only as far as they agree with it: a file called
"7 Seconds" whose title is that has no number. What is taken is marked as guessed. The patterns are
settings, see `db.settings.reading`.

In an album's folder of an artist's folder "01 - Prelude - Part 2" and "Prelude - Part 2" are titles
of that artist: Lyrion's patterns and Jellyfin go by these folders too. Elsewhere, also below a
folder that is called as a genre, "Somebody - Song" is somebody's, and belongs to no album of the
folder.
"""

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from db.files import read_small
from db.library.names import is_genre
from db.models import Guesses, Source
from db.scanning.library_files import (
    ALBUM_NFO,
    ARTIST_NFO,
    LYRICS_EXTENSION,
    disc_of,
    folder_of,
    is_disc_folder,
    without_disc,
)
from db.settings.reading import NamePattern, file_names, folder_names, tag_charsets
from db.sql.path_text import is_under, to_bytes
from jobs import nfo
from jobs.metadata.text import (
    MAX_NAME_CHARACTERS,
    VARIOUS_ARTISTS,
    cleaned,
    date,
    decoded,
    first,
    lyrics,
    names,
    position,
    several,
)
from jobs.records import FoundFile, LyricsText
from jobs.tags import Tags

_NOBODY = frozenset(
    (
        *("music", "musik", "musique", "audio", "downloads", "download", "incoming", "unsorted"),
        *("albums", "singles", "misc", "other", "new", "mp3", "flac", "soundtracks", "ost"),
        *("unknown artist", "unknown album", "unknown", "unbekannter interpret"),
    )
)
"""Names of folders, in lower case, that are no artist's and no album's."""
_MANY = frozenset((*VARIOUS_ARTISTS, "compilations", "samplers"))
_NO_TITLE = re.compile(
    r"(?:\d{1,3}[ ._-]+)?(?:(?:audio ?)?(?:track|titel|piste|pista|traccia|spur|faixa)[ ._-]*)?"
    r"(\d{1,3})",
    re.IGNORECASE,
)
"""What programs call a file that they know no title of: "Track 01", "01"."""
_CHAPTER = re.compile(
    r"(?:.*\W)?(?:chapter|kapitel|chapitre|cap[i\u00ed]tulo|capitolo|hoofdstuk|\u0433\u043b\u0430\u0432\u0430)"
    r"[ ._-]*(\d{1,3})(?:\D.*)?",
    re.IGNORECASE | re.DOTALL,
)
"""The number that a file of a book says: "The Book - Chapter 7"."""
_FORMAT = re.compile(
    r"\s*[\[({][^\])}]*\b(?:flac|mp3|aac|alac|ogg|opus|kbps|320|v0|\d\d ?bit|lossless|web|vinyl)\b"
    r"[^\])}]*[\])}]",
    re.IGNORECASE,
)
"""What the name of an album's folder says of its format."""
_LONGEST_NAME = 255
Unread = dict[str, Sequence[Any]]
"""Paths, each with the number of an error and its words."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class _Said:
    """What a name says: its words in lower case, as `db.settings.reading` has them."""

    words: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, word: str) -> bool:
        return word in self.words

    @property
    def artist(self) -> str | None:
        """The artist, if it is one."""
        return _meant(self.words.get("artist"), _NOBODY | _MANY)

    @property
    def album(self) -> str | None:
        """The album."""
        return _meant(self.words.get("album"), _NOBODY)


def completed(
    tags: Tags, file: FoundFile, root: str | None, unread: Unread
) -> tuple[Tags, Guesses]:
    """The tags with what they lack and what lies beside the file says, and what that is.

    `root` is the library's folder, whose own name says nothing. Without a root nothing is guessed.
    `unread` is given what could not be read.
    """
    by_nfo, of_nfo = _with_nfo(tags, file, unread) if root and file.beside else (tags, {})
    by_name, of_name = _with_names(by_nfo, file.path, root)
    return by_name, {**of_nfo, **of_name}


def lyrics_beside(file: FoundFile, unread: Unread) -> list[LyricsText]:
    """The lyrics in a file of the same name; `unread` is as in `completed`."""
    found = []
    for path in file.beside:
        if path.lower().endswith(f".{LYRICS_EXTENSION}"):
            kept, is_synced = lyrics(decoded(_read(path, unread), tag_charsets()))
            if kept:
                found.append(LyricsText("file", None, is_synced, kept))
    return found


def _read(path: str, unread: Unread) -> bytes:
    """The beginning of a small file; nothing of one that cannot be read or is no file."""
    try:
        return read_small(to_bytes(path), nfo.LONGEST)[0]
    except FileNotFoundError:
        return b""  # it went meanwhile
    except OSError as error:
        unread[path] = error.errno or 0, error.strerror or str(error)
        return b""


def _with_nfo(tags: Tags, file: FoundFile, unread: Unread) -> tuple[Tags, Guesses]:
    """The tags with what an album.nfo and an artist.nfo say of the same album and artist."""
    said: dict[str, Any] = {}
    for path in file.beside:
        if path.lower().endswith(ALBUM_NFO):
            said |= _of_album(nfo.elements(_read(path, unread), "album"), tags)
    artists = tags.artists or said.get("artists", [])
    for path in file.beside:
        if path.lower().endswith(ARTIST_NFO):
            of_artist = _of_artist(nfo.elements(_read(path, unread), "artist"), artists)
            said.update((name, value) for name, value in of_artist.items() if not said.get(name))
    lacked = {name: value for name, value in said.items() if value and not getattr(tags, name)}
    return replace(tags, **lacked), dict.fromkeys(lacked, Source.NFO)


def _values(said: Sequence[tuple[str, str]], *elements: str) -> list[str]:
    """The texts of the first of these elements that there is."""
    found = ([text for each, text in said if each == name] for name in elements)
    return next(filter(None, found), [])


def _of_artist(said: Sequence[tuple[str, str]], artists: Sequence[str]) -> dict[str, Any]:
    """The fields of an artist.nfo; none when the track is by somebody else, or by others too."""
    name = names(_values(said, "name"))
    if not name or (artists and not (len(artists) == 1 and _same(name[0], artists))):
        return {}
    found = _id(_values(said, "musicbrainzartistid"))
    sort = first(_values(said, "sortname"))
    return {
        "artists": name[:1],
        "musicbrainz_artist_ids": [found] if found else [],
        "artist_sorts": [sort] if sort else [],
    }


def _of_album(said: Sequence[tuple[str, str]], tags: Tags) -> dict[str, Any]:
    """The fields of an album.nfo; none when it is of another album than the tags say."""
    title = first(_values(said, "title"))
    if title is None or (tags.album and not _same(title, [tags.album])):
        return {}
    artists = names(_values(said, "albumartistcredits/artist", "albumartist", "artist"))
    numbers = [position([text]).number for text in _values(said, "track/position")]
    titles = dict(zip(numbers, _values(said, "track/title"), strict=False))
    return {
        "album": title,
        "artists": [each for each in artists if each.lower() not in VARIOUS_ARTISTS],
        "album_artists": artists,
        "date": date(_values(said, "releasedate", "year")),
        "original_date": date(_values(said, "originalreleasedate")),
        "genres": names(_values(said, "genre")),
        "labels": several(_values(said, "label")),
        "title": first([titles.get(tags.track) or ""]) if tags.track else None,
        "musicbrainz_release_id": _id(_values(said, "musicbrainzalbumid")),
        "musicbrainz_release_group_id": _id(_values(said, "musicbrainzreleasegroupid")),
    }


def _id(values: Sequence[str]) -> str | None:
    return next((each.lower() for each in values if _UUID.fullmatch(each)), None)


def _with_names(tags: Tags, path: str, root: str | None) -> tuple[Tags, Guesses]:
    """The tags with what they lack and names say, and what that is."""
    folder = folder_of(path)
    disc = None if tags.disc else disc_of(folder)
    is_named = bool(tags.title and tags.artists and tags.album and tags.track)
    if root is None or (is_named and tags.date and not disc):
        return tags, {}
    found: dict[str, Any] = {}
    guesses: Guesses = {}

    def take(source: Source, **values: Any) -> None:
        for name, value in values.items():
            if value and not getattr(tags, name) and name not in found:
                found[name] = value
                guesses[name] = source

    of_folder = _of_folder(_folders(folder, root), tags)
    of_file = _Said() if is_named else _of_file(path, tags, of_folder)
    number = position([of_file.words.get("track") or _chapter(of_file, of_folder)])
    take(Source.FILE_NAME, title=_title(of_file), track=number.number, album=of_file.album)
    take(Source.FILE_NAME, disc=int(of_file.words.get("disc", 0)) or number.disc)
    if of_file.artist:
        take(Source.FILE_NAME, artists=[of_file.artist])
    take(Source.FOLDER, disc=disc)
    if _is_of_album(tags, of_file, of_folder):
        take(Source.FOLDER, album=of_folder.album, date=of_folder.words.get("year"))
        if of_folder.artist:
            take(Source.FOLDER, artists=[of_folder.artist])
        elif of_folder.words.get("artist", "").lower() in _MANY and not tags.artists:
            take(Source.FOLDER, album_artists=["Various Artists"])
    return replace(tags, **found) if found else tags, guesses


def _is_of_album(tags: Tags, of_file: _Said, of_folder: _Said) -> bool:
    """Whether what a folder is called is said of this file too."""
    if tags.album or tags.track or "track" in of_file:
        return True
    if of_file.artist and not _same(of_file.artist, [of_folder.artist or ""]):
        return False
    return not (tags.title and tags.artists)


def _title(said: _Said) -> str | None:
    title = said.words.get("title")
    return None if title is None or _NO_TITLE.fullmatch(title) else title


def _chapter(of_file: _Said, of_folder: _Said) -> str:
    """The number of a chapter of the book that the folder is called as; else nothing."""
    match = _CHAPTER.fullmatch(of_file.words.get("title", "")) if of_folder.album else None
    return match[1] if match else ""


def _meant(name: str | None, nobody: frozenset[str]) -> str | None:
    return None if name is None or name.lower() in nobody else name[:MAX_NAME_CHARACTERS]


def _folders(folder: str, root: str) -> tuple[str, ...]:
    """The names of a file's folders below the root, without that of its disc."""
    if folder == root or not is_under(folder, root):
        return ()
    names = folder[len(root.rstrip("/")) + 1 :].split("/")
    if is_disc_folder(names[-1]):
        names.pop()
    return tuple(names)


def _of_folder(names: tuple[str, ...], tags: Tags) -> _Said:
    """What the folders say that agrees with the tags."""
    album = [tags.album] if tags.album else []
    known = {"artist": [*tags.artists, *tags.album_artists], "album": album}
    return next((said for said in _all_of_folder(names) if _agree(said, known)), _Said())


@lru_cache(maxsize=256)
def _all_of_folder(names: tuple[str, ...]) -> list[_Said]:
    shown = [_FORMAT.sub("", without_disc(_shown(name))).strip() for name in names]
    return list(_matches(folder_names(), shown))


def _of_file(path: str, tags: Tags, of_folder: _Said) -> _Said:
    """What the name of a file says that agrees with the tags, and with its folders.

    A number that may be the beginning of a title, or of a name, counts only in an album's folder.
    """
    stem = _shown(posixpath.splitext(posixpath.basename(path))[0])
    bare = _NO_TITLE.fullmatch(stem)
    if bare and not _same(stem, [tags.title or ""]):
        return _Said({"track": bare[1]} if tags.track in (None, int(bare[1])) else {})
    known = {
        "title": [tags.title] if tags.title else [],
        "artist": [*tags.artists, *tags.album_artists],
        "album": [tags.album] if tags.album else [],
    }
    beside = [each for each in (of_folder.artist,) if each]
    is_artists = of_folder.album and beside and not is_genre(beside[0])
    for said in _matches(file_names(), [stem]):
        is_numbered = "track" in said and "album" not in said
        artists = known["artist"] or (beside if is_numbered or is_artists else [])
        albums = known["album"] or ([of_folder.album] if of_folder.album and is_numbered else [])
        if "bare" in said and not _is_number(said.words["bare"], tags, of_folder):
            continue
        if _agree(said, {**known, "artist": artists, "album": albums}):
            return said
    return _Said()


def _is_number(bare: str, tags: Tags, of_folder: _Said) -> bool:
    """Whether digits without a sign behind them are the number: in an album's folder they are."""
    known = tags.track in (None, position([bare]).number)
    return known and "album" in of_folder and not _same(bare, [of_folder.artist or ""])


def _matches(patterns: Sequence[NamePattern], names: Sequence[str]) -> Iterator[_Said]:
    """What these names, the outermost first, say by each pattern that fits."""
    for pattern in patterns:
        if pattern.depth > len(names):
            continue
        match = pattern.matcher.fullmatch("/".join(names[-pattern.depth :]))
        if match is None:
            continue
        words = {name: text.strip() for name, text in match.groupdict().items() if text}
        again = {name: words.pop(name) for name in list(words) if name.endswith("2")}
        if all(_same(text, [words[name[:-1]]]) for name, text in again.items()):
            yield _Said(words)


def _agree(said: _Said, known: Mapping[str, Sequence[str]]) -> bool:
    """Whether nothing that a name says is otherwise where it is known."""
    return all(
        _same(said.words[word], names) for word, names in known.items() if names and word in said
    )


def _same(name: str, names: Iterable[str]) -> bool:
    """Whether a name is one of these, or all of them together, by letters and digits."""
    known = [_plain(each) for each in names]
    return _plain(name) in {*known, "".join(known)}


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(filter(str.isalnum, folded)) or folded


def _shown(name: str) -> str:
    """A name as people read it: underscores are blanks where there are no others."""
    text = cleaned(decoded(to_bytes(name), tag_charsets()))[:_LONGEST_NAME]
    if " " not in text:
        text = text.replace("_", " ")
    return unicodedata.normalize("NFC", " ".join(text.split()))
