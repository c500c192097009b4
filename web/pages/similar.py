"""Similar tracks for the pages, paths between two tracks, and both as playlists.

The search holds NumPy and a mapped file, 30 MiB that stay in the process; so it is imported when it
is first asked for, and not before there is a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint, Response, abort, render_template, request

from db.errors import NoVectorError
from db.library import entity_pages, search, tracks
from db.library.search import FoundTrack, NamedTrack
from db.library.tracks import TrackSummary
from db.models import EntityType
from db.similarity import cluster_terms, playlist_files, vectors
from web.pages import number, text
from worker.doctor import fact_and_remedy

if TYPE_CHECKING:
    from db.similarity.neighbours import Neighbour

bp = Blueprint("similar", __name__)

LENGTHS = (5, 10, 20, 40)
DEFAULT_LENGTH = 10
_OFFERED = 12
_IN_PLAYLIST = 50
TEMPOS = (3, 6, 12)
"""Per cent that a tempo may differ by."""
WITHOUT_MODEL = (
    "There is no similarity model yet. The fleet trains one from this library as soon as at least "
    "ten of its tracks, and all that wait, are analysed."
)


@dataclass(frozen=True)
class Wanted:
    """The filters of a search for similar tracks."""

    bpm: int | None = None
    key: bool = False
    other_album: bool = False


class SimilarTrack(NamedTuple):
    """A track with what it is compared by. `similarity` is the cosine."""

    track: FoundTrack
    sounding: TrackSummary
    similarity: float

    @property
    def name(self) -> str:
        """Its title, or its file's name."""
        return tracks.full_title(self.sounding, None)


class Found(NamedTuple):
    """Tracks, or why there are none and what to do."""

    tracks: list[SimilarTrack]
    lack: str = ""


class End(NamedTuple):
    """One end of a path: the text of the user, and the tracks that match it."""

    text: str
    tracks: list[NamedTrack]

    @property
    def only(self) -> NamedTrack | None:
        """The track that is meant; None when it is none, or one of several."""
        return self.tracks[0] if len(self.tracks) == 1 else None


def wanted() -> Wanted:
    """The filters of the request; invalid ones count as unset."""
    percent = number("bpm", max(TEMPOS))
    return Wanted(
        bpm=percent if percent in TEMPOS else None,
        key=text("key") == "compatible",
        other_album=request.args.get("album") == "other",
    )


def nearest(track_id: int, count: int, wanted: Wanted) -> Found:
    """The nearest neighbours of a track. Raises WrongDimensionError."""
    if vectors.current_model() is None:
        return Found([], WITHOUT_MODEL)
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    filters = neighbours.Filters(wanted.bpm, wanted.key, wanted.other_album)
    try:
        return Found(_cards(neighbours.similar(track_id, count, filters)))
    except NoVectorError as error:
        return Found([], _sentence(error))


@bp.get("/tracks/<id:track_id>.m3u8")
def similar_playlist(track_id: int) -> Response:
    """A playlist: the track, and its nearest neighbours."""
    if entity_pages.track_page(track_id) is None:
        abort(404, "There is no such track.")
    found = nearest(track_id, _IN_PLAYLIST, wanted())
    if found.lack:
        abort(404, found.lack)
    return playlist([track_id, *(each.track.id for each in found.tracks)], f"like-{track_id}")


@bp.get("/albums/<id:album_id>/playlist")
def album_playlist(album_id: int) -> Response:
    """The tracks of an album as a playlist."""
    found = entity_pages.album_page(album_id)
    if found is None:
        abort(404, "There is no such album.")
    return playlist([each.id for each in found.tracks], found.title or f"album-{album_id}")


@bp.get("/artists/<id:artist_id>/playlist")
def artist_playlist(artist_id: int) -> Response:
    """The tracks that an artist plays on, as a playlist."""
    found = entity_pages.artist_page(artist_id)
    if found is None:
        abort(404, "There is no such artist.")
    return playlist([artist_id], found.name, EntityType.ARTIST)


@bp.get("/path")
def path() -> str:
    """The path from one track to another, or the question which tracks are meant."""
    first, last, length = _end("from"), _end("to"), _length()
    return render_template(
        "path.html",
        first=first,
        last=last,
        length=length,
        lengths=LENGTHS,
        offered=_OFFERED,
        found=_way(first, last, length),
    )


@bp.get("/path.m3u8")
def path_playlist() -> Response:
    """The same as a playlist."""
    first, last = _end("from"), _end("to")
    found = _way(first, last, _length())
    if found is None or found.lack:
        abort(404, found.lack if found else "Name two tracks.")
    return playlist([each.track.id for each in found.tracks], "path")


def playlist(ids: Sequence[int], name: str, kind: EntityType = EntityType.TRACK) -> Response:
    """The files of these tracks, or of these artists, as an M3U8 to be saved."""
    body = playlist_files.playlist(cluster_terms.listed_tracks(kind, ids))
    response = Response(body, mimetype="audio/x-mpegurl")
    response.headers.set(
        "Content-Disposition", "attachment", filename=playlist_files.file_name(name)
    )
    return response


def _way(first: End, last: End, length: int) -> Found | None:
    """None when it is not clear from where to where."""
    if first.only is None or last.only is None:
        return None
    if first.only.id == last.only.id:
        return Found([], "Both ends are the same track.")
    return _path(first.only.id, last.only.id, length)


def _end(name: str) -> End:
    given = text(name)
    return End(given, search.tracks_named(given) if given else [])


def _length() -> int:
    asked = number("count", max(LENGTHS))
    return asked if asked in LENGTHS else DEFAULT_LENGTH


def _path(first: int, last: int, count: int) -> Found:
    """The path between two tracks, these included. Raises WrongDimensionError."""
    if vectors.current_model() is None:
        return Found([], WITHOUT_MODEL)
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    try:
        return Found(_cards(neighbours.path(first, last, count)))
    except NoVectorError as error:
        return Found([], _sentence(error))


def _cards(found: "Sequence[Neighbour]") -> list[SimilarTrack]:
    ids = [each.track_id for each in found]
    cards = {each.id: each for each in search.track_cards(ids)}
    known = tracks.track_summaries(ids, missing=True)
    return [
        SimilarTrack(cards[each.track_id], known[each.track_id], each.similarity)
        for each in found
        if each.track_id in cards and each.track_id in known
    ]


def _sentence(error: NoVectorError) -> str:
    """The error as a sentence, without the remedy, which names commands."""
    fact, _ = fact_and_remedy(error)
    return f"{fact[:1].upper()}{fact[1:]}."
