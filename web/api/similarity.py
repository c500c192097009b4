"""What the API answers of similar music: neighbours, paths, clusters, and AudioMuse-AI's questions.

AudioMuse-AI (https://github.com/NeptuneHub/AudioMuse-AI) documents its API with its own
`/apidocs`; what its plugins for players ask is answered under the same names, with the ids that
`/rest` gives tracks and artists. A distance is one less the similarity.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from db.errors import NoVectorError
from db.library import search
from db.library.search import FoundTrack
from db.models import EntityType
from db.similarity import clusters, vectors
from db.similarity.clusters import ClusterInUse
from web.api import refuse
from web.api.description import ID, LIMIT, Function, Parameter, flag, operation, text, whole
from web.api.library import moment, track_rows
from web.api.schemas import (
    LARGEST_ID,
    NUMBER,
    TEXT,
    Schema,
    items_of,
    list_of,
    object_of,
    refer,
)
from web.pages.similar import WITHOUT_MODEL

if TYPE_CHECKING:
    from db.similarity.neighbours import Filters, Neighbour

Row = dict[str, Any]
_MOST = 1_000
_COUNT = Parameter("count", whole(1, _MOST, 10), "How many tracks.")
_BPM = Parameter(
    "bpm",
    {"type": "number", "minimum": 0, "maximum": 100},
    "Only tempos within so many per cent of its own, or of half or double of it.",
)


def _nearest(track_id: int, count: int, filters: "Filters | None" = None) -> "list[Neighbour]":
    _check_known(track_id)
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    try:
        return neighbours.similar(track_id, count, filters)
    except NoVectorError as error:
        refuse(409, _sentence(error))


def _check_known(*track_ids: int) -> None:
    for each in track_ids:
        if not search.entity_exists(EntityType.TRACK, each):
            refuse(404, f"There is no track {each}.")
    if vectors.current_model() is None:
        refuse(409, WITHOUT_MODEL)


def _sentence(error: Exception) -> str:
    return f"{str(error)[:1].upper()}{str(error)[1:].partition(' — ')[0]}."


def _with_similarity(found: "Sequence[Neighbour]") -> Row:
    similarities = {each.track_id: each.similarity for each in found}
    rows = track_rows(list(similarities))
    return {"items": [row | {"similarity": similarities[row["id"]]} for row in rows]}


@operation(
    "GET",
    "/tracks/{id}/similar",
    items_of("SimilarTrack"),
    parameters=[
        *(ID, _COUNT, _BPM, flag("compatible_key", "Only keys that mix with its own.")),
        flag("other_album", "None of the same album."),
    ],
    tag="Similarity",
)
def similar(
    id: int, count: int, bpm: float | None, compatible_key: bool, other_album: bool
) -> Row:  # as the path has it
    """The nearest neighbours of a track, the most similar first; -1 to 1."""
    _check_known(id)
    from db.similarity.neighbours import Filters  # noqa: PLC0415  # NumPy

    return _with_similarity(_nearest(id, count, Filters(bpm, compatible_key, other_album)))


_FROM, _TO = (
    Parameter(name, whole(1, LARGEST_ID), f"The id of the {which} track.", is_required=True)
    for name, which in (("first", "first"), ("last", "last"))
)


@operation(
    "GET",
    "/path",
    items_of("SimilarTrack"),
    parameters=[_FROM, _TO, Parameter("count", whole(2, _MOST, 10), "Tracks, both included.")],
    tag="Similarity",
)
def path(first: int, last: int, count: int) -> Row:
    """A smooth way from one track to another; the similarity is to the track before."""
    return _with_similarity(_path(first, last, count))


def _path(first: int, last: int, count: int) -> "list[Neighbour]":
    _check_known(first, last)
    if first == last:
        refuse(409, "Both ends are the same track.")
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    try:
        return neighbours.path(first, last, count)
    except NoVectorError as error:
        refuse(409, _sentence(error))


def _cluster(each: ClusterInUse) -> Row:
    row = {"id": each.id, "type": each.entity_type, "name": each.name, "size": each.size}
    return row | {"made_at": moment(each.made_at)}


_TYPE = Parameter(
    "type",
    {"type": "string", "enum": [each.value for each in clusters.TYPES], "default": "track"},
    "Of what.",
)


@operation("GET", "/clusters", items_of("Cluster"), parameters=[_TYPE], tag="Similarity")
def cluster_list(type: str) -> Row:  # as the query has it
    """The clusters of similar tracks, or artists, the largest first."""
    return {"items": [_cluster(each) for each in clusters.clusters(EntityType(type))]}


@operation("GET", "/clusters/{id}", refer("ClusterPage"), parameters=[ID, LIMIT], tag="Similarity")
def cluster(id: int, limit: int) -> Row:  # as the path has it
    """A cluster with its most typical members."""
    known = [each for kind in clusters.TYPES for each in clusters.clusters(kind)]
    found = next((each for each in known if each.id == id), None)
    if found is None:
        refuse(404, f"There is no cluster {id}, or it was deleted: /api/clusters has the present.")
    members = clusters.members(found, limit)
    rows = [{"id": each.entity_id, "probability": each.probability} for each in members]
    return _cluster(found) | {"members": rows}


_ITEM: Schema = object_of(item_id=TEXT, title=TEXT, author=TEXT, album=TEXT)
_NEAR: Schema = object_of(item_id=TEXT, title=TEXT, author=TEXT, album=TEXT, distance=NUMBER)
_ITEM_ID = {**text(), "pattern": "^(tr-|track:)?[1-9][0-9]{0,8}$"}
_UNKNOWN = "unknown"
"""What AudioMuse-AI writes where there is no name."""


def _audiomuse(
    path_: str, answer: Schema, *parameters: Parameter
) -> Callable[[Function], Function]:
    return operation(
        "GET", path_, answer, parameters=parameters, tag="AudioMuse-AI", is_strict=False
    )


def _item(card: FoundTrack) -> Row:
    author = card.credit or ", ".join(each.name for each in card.artists)
    return {
        **{"item_id": f"tr-{card.id}", "title": card.title or _UNKNOWN},
        **{"author": author or _UNKNOWN, "album": card.album_title or _UNKNOWN},
    }


def _number(item_id: str) -> int:
    return int(item_id.removeprefix("tr-").removeprefix("track:"))


def _near(found: "Sequence[Neighbour]") -> list[Row]:
    distances = {each.track_id: max(0.0, 1 - each.similarity) for each in found}
    cards = search.track_cards(list(distances))
    return [_item(card) | {"distance": distances[card.id]} for card in cards]


@_audiomuse(
    "/similar_tracks",
    list_of(_NEAR),
    Parameter("item_id", _ITEM_ID, "The track, or else:"),
    Parameter("title", text(500), "its title,"),
    Parameter("artist", text(500), "and its artist."),
    Parameter("n", whole(1, _MOST, 10), "How many tracks."),
    Parameter(
        "eliminate_duplicates",
        {"type": "string", "enum": ["true", "false"]},
        "Taken, and not needed: no track comes twice.",
    ),
)
def similar_tracks(
    item_id: str | None, title: str | None, artist: str | None, n: int, **_: Any
) -> list[Row]:
    """The nearest neighbours of a track, as AudioMuse-AI answers."""
    if item_id is not None:
        return _near(_nearest(_number(item_id), n))
    if title is None or artist is None:
        refuse(404, "Either item_id, or both title and artist, are required.")
    named = search.tracks_named(f"{artist} - {title}")
    if not named:
        refuse(404, f"There is no track {title!r} by {artist!r}.")
    return _near(_nearest(named[0].id, n))


@_audiomuse(
    "/find_path",
    object_of(path=list_of(_NEAR), total_distance=NUMBER),
    Parameter("start_song_id", _ITEM_ID, "The first track.", is_required=True),
    Parameter("end_song_id", _ITEM_ID, "The last track.", is_required=True),
    Parameter("max_steps", whole(2, _MOST, 25), "Tracks, both included."),
)
def find_path(start_song_id: str, end_song_id: str, max_steps: int) -> Row:
    """A path from one track to another, as AudioMuse-AI answers."""
    found = _near(_path(_number(start_song_id), _number(end_song_id), max_steps))
    return {"path": found, "total_distance": sum(each["distance"] for each in found)}


@_audiomuse(
    "/search_tracks",
    list_of(_ITEM),
    Parameter("search_query", text(500), "Words of the title, or else:"),
    Parameter("title", text(500), "the title,"),
    Parameter("artist", text(500), "and the artist."),
    Parameter("start", whole(0, 500, 0), "The place of the first one."),
    Parameter("end", whole(1, 1_000, 20), "The place after the last one."),
)
def search_tracks(
    search_query: str | None, title: str | None, artist: str | None, start: int, end: int
) -> list[Row]:
    """Tracks by their names, as AudioMuse-AI answers."""
    if search_query is None and artist and title:
        ids = [each.id for each in search.tracks_named(f"{artist} - {title}")]
        return [_item(card) for card in search.track_cards(ids[start:end])]
    found = search.search(search_query or title or artist or "", 0, 0, end).tracks
    return [_item(card) for card in found[start:]]


@_audiomuse("/track", _ITEM, Parameter("item_id", _ITEM_ID, "The track.", is_required=True))
def audiomuse_track(item_id: str) -> Row:
    """The names of a track, as AudioMuse-AI answers."""
    cards = search.track_cards([_number(item_id)])
    if not cards:
        refuse(404, f"There is no track {item_id}.")
    return _item(cards[0])
