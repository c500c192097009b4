"""The page of a track, more like it, and the way from one track to another."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flask import Blueprint, Response, abort, render_template

from db import cluster_terms, clusters, named_tracks, track_page
from db.models import AudioFeatures, EntityType, State
from db.named_tracks import NamedTrack
from web import alike
from web.alike import TEMPOS, Found
from web.facts import from_the_web
from web.key_wheel import SIZE, key_wheel
from web.paging import number, text
from worker import playlists

room = Blueprint("tracks", __name__)

_ALIKE = 12
_IN_PLAYLIST = 50
_LENGTHS = (5, 10, 20, 40)
_DEFAULT_LENGTH = 10
_OFFERED = 12
_SCORES = {
    "Energy": "energy",
    "Danceability": "danceability",
    "Acousticness": "acousticness",
    "Instrumentalness": "instrumentalness",
    "Valence": "valence",
}


class End(NamedTuple):
    """One end of a way: what was typed, and the tracks that are called so."""

    text: str
    tracks: list[NamedTrack]

    @property
    def only(self) -> NamedTrack | None:
        """The track that is meant; None when it is none, or one of several."""
        return self.tracks[0] if len(self.tracks) == 1 else None


@room.get("/tracks/<id:track_id>")
def track(track_id: int) -> str:
    """A track, what was heard in it, and more like it."""
    found = track_page.track(track_id)
    if found is None:
        abort(404, "There is no such track.")
    heard, wanted = found.features, alike.wish()
    belongs = clusters.memberships_of(EntityType.TRACK, [track_id]).get(track_id, [])
    names = {each.id: each.name for each in clusters.clusters(EntityType.TRACK)} if belongs else {}
    return render_template(
        "track.html",
        track=found,
        heard=heard,
        scores=_scores(heard) if heard else [],
        tempos=_tempos(heard.bpm_candidates, heard.bpm) if heard else [],
        wheel=key_wheel(heard.camelot) if heard and heard.camelot else None,
        wheel_size=SIZE,
        lack=found.analysis if found.analysis.state is not State.DONE else None,
        belongs=[(each, names[each.cluster_id]) for each in belongs if each.cluster_id in names],
        found=alike.more_like(track_id, _ALIKE, wanted),
        wanted=wanted,
        percents=TEMPOS,
        lengths=_LENGTHS,
        length=_DEFAULT_LENGTH,
        web=from_the_web(EntityType.TRACK, track_id),
    )


@room.get("/tracks/<id:track_id>.m3u8")
def more_like_it(track_id: int) -> Response:
    """A playlist: the track, and more like it."""
    if track_page.track(track_id) is None:
        abort(404, "There is no such track.")
    found = alike.more_like(track_id, _IN_PLAYLIST, alike.wish())
    if found.lack:
        abort(404, found.lack)
    return playlist([track_id, *(each.track.id for each in found.tracks)], f"like-{track_id}")


@room.get("/path")
def path() -> str:
    """A smooth way from one track to another, or the question which ones are meant."""
    first, last, length = _end("from"), _end("to"), _length()
    return render_template(
        "path.html",
        first=first,
        last=last,
        length=length,
        lengths=_LENGTHS,
        offered=_OFFERED,
        found=_way(first, last, length),
    )


@room.get("/path.m3u8")
def path_playlist() -> Response:
    """The same as a playlist."""
    first, last = _end("from"), _end("to")
    found = _way(first, last, _length())
    if found is None or found.lack:
        abort(404, found.lack if found else "Say from which track to which.")
    return playlist([each.track.id for each in found.tracks], "path")


def playlist(ids: Sequence[int], name: str, kind: EntityType = EntityType.TRACK) -> Response:
    """The files of these tracks, or of these artists, as an M3U8 to be saved."""
    body = playlists.playlist(cluster_terms.listed(kind, ids))
    response = Response(body, mimetype="audio/x-mpegurl")
    response.headers.set("Content-Disposition", "attachment", filename=playlists.file_name(name))
    return response


def _way(first: End, last: End, length: int) -> Found | None:
    """None when it is not clear from where to where."""
    if first.only is None or last.only is None:
        return None
    if first.only.id == last.only.id:
        return Found([], "Both ends are the same track.")
    return alike.way(first.only.id, last.only.id, length)


def _end(name: str) -> End:
    given = text(name)
    return End(given, named_tracks.called(given) if given else [])


def _length() -> int:
    asked = number("count", max(_LENGTHS))
    return asked if asked in _LENGTHS else _DEFAULT_LENGTH


def _scores(heard: AudioFeatures) -> list[tuple[str, float]]:
    """The scores that there are, each with its name; there are none of silence."""
    values = ((name, getattr(heard, column)) for name, column in _SCORES.items())
    return [(name, value) for name, value in values if value is not None]


def _tempos(candidates: Iterable[Sequence[float]], bpm: float | None) -> list[tuple[float, float]]:
    """What else the tempo may be taken for, with its strength, the strongest first."""
    others = [(each[0], each[1]) for each in candidates if bpm is None or abs(each[0] - bpm) > 1]
    return sorted(others, key=lambda each: -each[1])
