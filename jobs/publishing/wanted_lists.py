"""Which playlists a music server is to get, and their tracks."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from db.errors import NoVectorError
from db.library.names import name_key
from db.models import EntityType, KnownServer
from db.publishing.servers import Lists
from db.similarity import cluster_terms, clusters, vectors
from db.users import annotations
from db.users import playlists as users_playlists
from jobs.publishing import playlists

if TYPE_CHECKING:
    from db.similarity.neighbours import Neighbour

_MOST = 500
"""Tracks of a playlist that follows from the library, as at /rest."""
_SIMILAR, _PATH, _OF_STARRED = 50, 25, 5
_LONGEST_NAME = 200


class Wanted(NamedTuple):
    """A playlist that is to be there."""

    source: str
    name: str
    track_ids: list[int]


def wanted_lists(row: KnownServer) -> list[Wanted]:
    """The playlists that a server is to get, with names that are not the same."""
    return list(_distinct(_wanted(row)))


def _wanted(row: KnownServer) -> Iterator[Wanted]:
    if Lists.CLUSTERS in row.lists:
        for each in clusters.clusters(EntityType.TRACK):
            members = clusters.members(each, _MOST)
            yield Wanted(f"cluster:{each.id}", each.name, [member.entity_id for member in members])
    if Lists.MOODS in row.lists:
        for mood, ids in playlists.moods().items():
            yield Wanted(f"mood:{name_key(mood)}", f"Mood: {mood}", ids)
    if row.listener_id is not None:
        yield from _of_listener(row.listener_id, row.lists)


def _of_listener(user_id: int, kinds: Collection[str]) -> Iterator[Wanted]:
    if Lists.OWN in kinds:
        for each in users_playlists.listed(user_id):
            if each.user_id == user_id:
                yield Wanted(f"own:{each.id}", each.name, users_playlists.tracks_in(each.id))
    starred = annotations.starred(user_id, EntityType.TRACK)[:_OF_STARRED]
    if vectors.current_model() is None or not starred:
        return
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    titles = {each.id: each for each in cluster_terms.listed_tracks(EntityType.TRACK, starred)}
    there = [each for each in starred if each in titles]
    for one in there if Lists.SIMILAR in kinds else ():
        ids = [one, *_ids(partial(neighbours.similar, one, _SIMILAR - 1))]
        yield Wanted(f"similar:{one}", f"Similar to {titles[one].title}", ids)
    for one, other in pairwise(there) if Lists.PATHS in kinds else ():
        name = f"From {titles[one].title} to {titles[other].title}"
        yield Wanted(f"path:{one}:{other}", name, _ids(partial(neighbours.path, one, other, _PATH)))


def _ids(find: Callable[[], "Sequence[Neighbour]"]) -> list[int]:
    try:
        return [each.track_id for each in find()]
    except NoVectorError:
        return []


def _distinct(wanted: Iterable[Wanted]) -> Iterator[Wanted]:
    """With names that are not the same; of two the later one has a number."""
    taken: set[str] = set()
    for each in wanted:
        name, number = each.name.strip()[:_LONGEST_NAME] or "Untitled", 1
        plain = name
        while name.casefold() in taken:
            number += 1
            name = f"{plain} ({number})"
        taken.add(name.casefold())
        yield each._replace(name=name)
