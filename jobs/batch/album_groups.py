"""Which album a track belongs to: natural keys from tags and folders, independent of any order.

The key is the MusicBrainz release id where there is one; else album artist + album title + the
group folder (`db.scanning.library_files`), so that two editions in two folders stay two albums. The
release date is no part of it. What one track lacks, its siblings (same group folder, same album
title) say: the release id when they agree on one, and the album artist.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from db.library.albums import plurality
from db.sql.queries import indexable

VARIOUS_ARTISTS = "Various Artists"


@dataclass(frozen=True)
class Grouped:
    """What grouping needs to know of a present track."""

    path: str
    group_folder: str
    album_title: str | None
    album_artists: list[str]
    artists: list[str]
    compilation: bool
    release_id: str | None


@dataclass(frozen=True)
class Albums:
    """What tracks were grouped into."""

    keys: dict[str, str | None]
    """The album key of each path; None for a track that names neither an album nor a release."""
    artists: dict[str, list[str]]
    """The album artists of each key."""


def group(tracks: Iterable[Grouped]) -> Albums:
    """Group tracks into albums.

    `tracks` holds every present track of each group folder that occurs in it.
    """
    siblings: dict[tuple[str, str], list[Grouped]] = defaultdict(list)
    for track in tracks:
        siblings[track.group_folder, _folded(track.album_title)].append(track)
    keys: dict[str, str | None] = {}
    credits: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for members in siblings.values():
        inferred = _album_artists(members)
        only_release = _only_release(members)
        for member in members:
            artists = member.album_artists or inferred
            key = keys[member.path] = _key(member, artists, only_release)
            if key is not None:
                credits[key].append(tuple(artists))
    return Albums(keys, {key: list(plurality(each) or ()) for key, each in credits.items()})


def _key(track: Grouped, artists: Sequence[str], only_release: str | None) -> str | None:
    if track.release_id:
        return f"release:{track.release_id}"
    if not track.album_title:
        return None
    if only_release:
        return f"release:{only_release}"
    return indexable(
        "\n".join((track.group_folder, _folded(track.album_title), *map(_folded, artists)))
    )


def _only_release(siblings: Sequence[Grouped]) -> str | None:
    """The release id that siblings agree on, for those that lack one."""
    releases = {each.release_id for each in siblings if each.release_id}
    return releases.pop() if len(releases) == 1 else None


def _album_artists(members: Sequence[Grouped]) -> list[str]:
    """The album artists of siblings that name none: what the others name, else the plurality.

    Various Artists when the siblings are a compilation by their flag, or no artist has a
    majority among more than one.
    """
    named = plurality(tuple(member.album_artists) for member in members)
    if named:
        return list(named)
    if any(member.compilation for member in members):
        return [VARIOUS_ARTISTS]
    first = [member.artists[0] for member in members if member.artists]
    leader = plurality(first)
    if leader is None:
        return []
    if len(set(first)) > 1 and first.count(leader) * 2 <= len(first):
        return [VARIOUS_ARTISTS]
    return [leader]


def _folded(text: str | None) -> str:
    """Text as keys compare it: without regard to case, composition and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text or "").casefold().split())
