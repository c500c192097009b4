"""Several values in one text of ID3v2.3, which joins them by "/".

Version 2.3 knows no other way to write two artists than "A/B", and says so; but names hold slashes
too, and most readers leave the text alone. So a slash separates only where there is reason to
think so:

- artists: the file has as many MusicBrainz artist ids as there are parts; or one part is the
  album artist; else each slash that has a blank or a part of several words on a side. "Miles
  Davis/John Coltrane" are two, "AC/DC", "K/DA", "22/7" and "Smith/Kotzen" are one, and so they
  are beside others: "Jay Kay/AC/DC" are two. A part without a letter ("LOONA 1/3") is no name.
- genres: every part is a genre of the ID3 list, and the whole is not one itself.

A file that spells its artists one by one (TXXX:ARTISTS) arrives here as several values, and
several values are never split.
"""

from mutagen.id3 import TCON

from jobs.metadata.contents import RawTags
from jobs.metadata.text import folded

_MAX_PARTS = 100
"""A text of more parts is no list of artists."""
_GENRES = {folded(genre) for genre in TCON.GENRES}
_WHOLE_GENRES = {folded(genre) for genre in ("Hip-Hop/Rap", "R&B/Soul", "Pop/Funk")}


def separated(tags: RawTags) -> RawTags:
    """The fields of a tag of version 2.2 or 2.3 with joined artists and genres taken apart."""
    known = tags.get("album_artists", [])
    ids = sum(len(text.split("/")) for text in tags.get("musicbrainz_artist_ids", []))
    if len(tags.get("artists", [])) == 1:
        tags["artists"] = artists(tags["artists"][0], known, ids)
    if len(tags.get("genres", [])) == 1:
        tags["genres"] = genres(tags["genres"][0])
    return tags


def artists(text: str, known: list[str], ids: int) -> list[str]:
    """The artists of a joined text.

    `known` are names that may hold slashes themselves, `ids` is how many MusicBrainz artist ids
    stand beside it.
    """
    parts = text.split("/")
    if not 1 < len(parts) <= _MAX_PARTS or not all(part.strip() for part in parts):
        return [text]
    if 1 < ids == len(parts):
        return [part.strip() for part in parts]
    for name in known:
        if text == name:
            return [text]
        if text.startswith(f"{name}/"):
            return [name, *artists(text[len(name) + 1 :], known, 0)]
        if text.endswith(f"/{name}"):
            return [*artists(text[: -len(name) - 1], known, 0), name]
    return _joined_names(parts)


def genres(text: str) -> list[str]:
    """The genres of a joined text."""
    parts = [part.strip() for part in text.split("/")]
    if folded(text) in _WHOLE_GENRES or not all(folded(part) in _GENRES for part in parts):
        return [text]
    return parts


def _joined_names(parts: list[str]) -> list[str]:
    """The parts, with those put together again that a slash in a name took apart."""
    names = [[parts[0]]]
    for part in parts[1:]:
        if _one_name(names[-1][-1], part):
            names[-1].append(part)
        else:
            names.append([part])
    return ["/".join(name).strip() for name in names]


def _one_name(left: str, right: str) -> bool:
    both_single = " " not in left and " " not in right
    return both_single or not any(c.isalpha() for c in right)
