"""The map of the library, and its clusters."""

import json
import threading
import time
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, current_app, render_template

from db.library import gallery, search
from db.library.tracks import full_title, track_summaries
from db.models import EntityType
from db.similarity import clusters, vectors
from db.similarity.clusters import ClusterInUse
from web.pages.similar import playlist

if TYPE_CHECKING:
    from db.similarity.library_map import LibraryMap

bp = Blueprint("clusters", __name__)

SHOWN = 200
_FRESH = 60.0
_HUES = 12
_STRIDE = 5
"""Between the hues of clusters that follow each other: such that near ones differ most."""


class Atlas:
    """The map as JSON, recomputed for another model or other clusters, or after a minute.

    Only the text is kept, not the arrays that it was made with.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_for: object = None
        self._at = float("-inf")
        self._json = ""

    def json(self) -> str:
        """The map of a moment ago. Raises WrongDimensionError."""
        model, grouped = vectors.current_model(), clusters.current_model(EntityType.TRACK)
        wanted = (model and model.id, grouped and grouped.id)
        with self._lock:
            if wanted != self._made_for or time.monotonic() - self._at > _FRESH:
                self._json = _points()
                self._made_for, self._at = wanted, time.monotonic()
            return self._json


@bp.get("/map")
def library_map() -> str:
    """The map, with the clusters as its legend and for who has no script."""
    of_tracks = clusters.clusters(EntityType.TRACK)
    state = clusters.cluster_state(EntityType.TRACK)
    return render_template(
        "map.html",
        has_model=vectors.current_model() is not None,
        clusters=[(each, hue) for each, hue in zip(of_tracks, _hues(of_tracks), strict=True)],
        artists=clusters.clusters(EntityType.ARTIST),
        alone=max(0, state.vectors - sum(each.size for each in of_tracks)),
        has_clusters=state.model is not None,
        remark=state.remark,
        artist_remark=clusters.cluster_state(EntityType.ARTIST).remark,
    )


@bp.get("/map/points")
def points() -> Response:
    """The places of the tracks, for the script that draws them."""
    atlas: Atlas = current_app.extensions["atlas"]
    return Response(atlas.json(), mimetype="application/json")


@bp.get("/clusters/<id:cluster_id>")
def cluster(cluster_id: int) -> str:
    """Who is in a cluster, the most typical first."""
    found = _cluster(cluster_id)
    ids = [each.entity_id for each in clusters.members(found, SHOWN)]
    of_tracks = found.entity_type == EntityType.TRACK
    known = track_summaries(ids, missing=True) if of_tracks else {}
    return render_template(
        "cluster.html",
        cluster=found,
        of_tracks=of_tracks,
        tracks=search.track_cards(ids) if of_tracks else [],
        names={track_id: full_title(track, None) for track_id, track in known.items()},
        artists=[] if of_tracks else gallery.artist_cards(ids),
        shown=SHOWN,
    )


@bp.get("/clusters/<id:cluster_id>.m3u8")
def cluster_playlist(cluster_id: int) -> Response:
    """Its tracks, or those of its artists, as a playlist."""
    found = _cluster(cluster_id)
    kind = EntityType(found.entity_type)
    return playlist([each.entity_id for each in clusters.members(found)], found.name, kind)


def _cluster(cluster_id: int) -> ClusterInUse:
    known = [each for kind in clusters.TYPES for each in clusters.clusters(kind)]
    found = next((each for each in known if each.id == cluster_id), None)
    if found is None:
        abort(404, "There is no such cluster, or it was deleted: the map lists the present ones.")
    return found


def _points() -> str:
    """As columns, with each artist's name once: it is read by a script, over a network."""
    from db.similarity import library_map as maps  # noqa: PLC0415  # NumPy

    found: LibraryMap = maps.library_map()
    of_tracks = clusters.clusters(EntityType.TRACK)
    order = {each.id: number for number, each in enumerate(of_tracks)}
    names = list(dict.fromkeys(each.artists for each in found.places))
    place_of = {name: number for number, name in enumerate(names)}
    columns = {
        "edge": maps.EDGE,
        "tracks": found.tracks,
        "clusters": [
            {"id": each.id, "name": each.name, "hue": hue}
            for each, hue in zip(of_tracks, _hues(of_tracks), strict=True)
        ],
        "artists": names,
        "id": [each.track_id for each in found.places],
        "x": [each.x for each in found.places],
        "y": [each.y for each in found.places],
        "cluster": [order.get(each.cluster_id or 0, -1) for each in found.places],
        "title": [each.title for each in found.places],
        "artist": [place_of[each.artists] for each in found.places],
    }
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":"))


def _hues(found: list[ClusterInUse]) -> list[int]:
    """A colour for each cluster: one's own for as long as it lasts, however large it grows."""
    return [each.id * _STRIDE % _HUES for each in found]
