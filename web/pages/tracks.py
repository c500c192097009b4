"""The page of a track with its key wheel and similar tracks, and its file for the player."""

import math
import mimetypes
import os
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from flask import Blueprint, abort, redirect, render_template, request, send_file, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from db import settings
from db.files import opened
from db.library import audio_features, entity_pages, second_opinions, tracks
from db.models import AudioFeatures, EntityType, State
from db.scanning import scans
from db.scanning.library_files import refused_root
from db.similarity import clusters
from db.sql import path_text
from web.pages import similar
from web.pages.facts import from_the_web
from web.pages.similar import DEFAULT_LENGTH, LENGTHS, TEMPOS
from worker.cli.tempo import change_tempo

SIZE = 200
"""Width and height of the drawing."""
_PLACES = 12
_RINGS = {"A": (40.0, 68.0), "B": (70.0, 98.0)}
"""Inner and outer radius: minor keys lie inside."""
_GAP = 0.012
"""Radians between segments, at each side."""


class Segment(NamedTuple):
    """A key on the wheel: the outline as an SVG path, and where its name is centred."""

    code: str
    key: str
    outline: str
    x: float
    y: float
    part: str
    """What it is to the wheel's key: here, fits, or nothing."""


class KeyWheel(NamedTuple):
    """The wheel of one key."""

    segments: list[Segment]
    fitting: list[Segment]
    """Those that mix with the key, without itself."""


def key_wheel(camelot: str) -> KeyWheel:
    """The wheel with this place marked."""
    segments = [_marked(each, camelot) for each in _blank()]
    return KeyWheel(segments, [each for each in segments if each.part == "fits"])


def _marked(segment: Segment, camelot: str) -> Segment:
    if segment.code == camelot:
        return segment._replace(part="here")
    fits = audio_features.keys_match(camelot, segment.code)
    return segment._replace(part="fits") if fits else segment


@cache
def _blank() -> list[Segment]:
    return [
        _segment(f"{place}{letter}", keys[place - 1], place, *_RINGS[letter])
        for letter, keys in (("A", second_opinions.MINOR), ("B", second_opinions.MAJOR))
        for place in range(1, _PLACES + 1)
    ]


def _segment(code: str, key: str, place: int, inner: float, outer: float) -> Segment:
    """As on a clock: twelve is at the top."""
    middle = 2 * math.pi * place / _PLACES
    half = math.pi / _PLACES - _GAP
    begin, end = middle - half, middle + half
    outline = (
        f"M{_at(inner, begin)}L{_at(outer, begin)}A{outer:g} {outer:g} 0 0 1 {_at(outer, end)}"
        f"L{_at(inner, end)}A{inner:g} {inner:g} 0 0 0 {_at(inner, begin)}Z"
    )
    x, y = _point((inner + outer) / 2, middle)
    return Segment(code, key, outline, round(x, 1), round(y, 1), "")


def _at(radius: float, angle: float) -> str:
    x, y = _point(radius, angle)
    return f"{x:.2f} {y:.2f}"


def _point(radius: float, angle: float) -> tuple[float, float]:
    return SIZE / 2 + radius * math.sin(angle), SIZE / 2 - radius * math.cos(angle)


bp = Blueprint("tracks", __name__)

_LONGEST_TEMPO = 20

_SIMILAR = 12
_SCORES = {
    "Energy": "energy",
    "Danceability": "danceability",
    "Acousticness": "acousticness",
    "Instrumentalness": "instrumentalness",
    "Valence": "valence",
}


@bp.get("/tracks/<id:track_id>")
def track(track_id: int) -> str:
    """A track, its audio features, and similar tracks."""
    found = entity_pages.track_page(track_id)
    if found is None:
        abort(404, "There is no such track.")
    features, wanted = found.features, similar.wanted()
    belongs = clusters.memberships_of(EntityType.TRACK, [track_id]).get(track_id, [])
    names = {each.id: each.name for each in clusters.clusters(EntityType.TRACK)} if belongs else {}
    return render_template(
        "track.html",
        track=found,
        features=features,
        scores=_scores(features) if features else [],
        tempos=_tempos(features.bpm_candidates, found.found_bpm) if features else [],
        opinions=second_opinions.opinions(track_id),
        wheel=key_wheel(features.camelot) if features and features.camelot else None,
        wheel_size=SIZE,
        lack=found.analysis if found.analysis.state is not State.DONE else None,
        belongs=[(each, names[each.cluster_id]) for each in belongs if each.cluster_id in names],
        found=similar.nearest(track_id, _SIMILAR, wanted),
        wanted=wanted,
        percents=TEMPOS,
        lengths=LENGTHS,
        length=DEFAULT_LENGTH,
        web=from_the_web(EntityType.TRACK, track_id),
    )


def _scores(features: AudioFeatures) -> list[tuple[str, float]]:
    """The scores, each with its name; silence has none."""
    values = ((name, getattr(features, column)) for name, column in _SCORES.items())
    return [(name, value) for name, value in values if value is not None]


def _tempos(candidates: Iterable[Sequence[float]], bpm: float | None) -> list[tuple[float, float]]:
    """The other tempo candidates with their strengths, the strongest first."""
    others = [(each[0], each[1]) for each in candidates if bpm is None or abs(each[0] - bpm) > 1]
    return sorted(others, key=lambda each: -each[1])


@bp.post("/tracks/<id:track_id>/tempo")
def correct_tempo(track_id: int) -> Response:
    """Have the tempo be what the owner writes, taps or chooses, or what was found again."""
    found = entity_pages.track_page(track_id)
    if found is None:
        abort(404, "There is no such track.")
    try:
        change_tempo(track_id, request.form.get("bpm", "")[:_LONGEST_TEMPO] or None, found.bpm)
    except ValueError as error:
        abort(400, f"{str(error).partition(' — ')[2].capitalize()}.")
    if request.form.get("next") == "differences":
        return redirect(url_for("health.differences", after=request.form.get("after", "")), 303)
    return redirect(url_for("tracks.track", track_id=track_id, _anchor="tempo"), 303)


_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mka": "audio/x-matroska",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "audio/webm",
}
"""What a browser plays a file as; mimetypes knows other names of some."""


def _refusal(real: str, status: os.stat_result, track: tracks.PresentFile) -> str | None:
    """Why the file that a track's path leads to is not served; None for one of the library.

    What a link leads to outside of it is, while the owner has such links followed, just the file
    that a scan took in: another that the link leads to since is anybody's.
    """
    if any(path_text.is_under(real, root) for root in scans.roots()):
        return None
    taken_in = settings.switch("FLEET_FOLLOW_LINKS") and not refused_root(
        real, os.path.realpath(settings.data_dir())
    )
    if not taken_in:
        return "The file is a link that leads out of the library."
    if (status.st_size, status.st_mtime_ns) != (track.size, track.mtime_ns):
        return "The file that the link leads to is not the one that was scanned: scan it again."
    return None


def media_type(path: str) -> str:
    """As what a file of this path, or with this ending, is sent."""
    ending = (os.path.splitext(path)[1] or path).lower()
    return _TYPES.get(ending) or mimetypes.types_map.get(ending) or "audio/x-unknown"


@bp.get("/tracks/<id:track_id>/file")
def file(track_id: int) -> Response:
    """The file of a track as it is; a browser asks for the part that it plays (Range)."""
    found = tracks.present_file(track_id)
    if found is None:
        abort(404, "There is no such track, or its file is gone.")
    return sent(found)


def sent(found: tracks.PresentFile, *, to_be_saved: bool = False) -> Response:
    """The file of a track, or the part of it that the request names.

    Ends with 404 for what is not in the library, or cannot be read.
    """
    path = found.path
    real = os.path.realpath(path_text.to_bytes(path))
    try:
        sound = open(opened(real), "rb")  # noqa: SIM115  # the answer closes it
    except OSError as error:
        abort(404, f"The file cannot be read: {error.strerror}.")
    status = os.fstat(sound.fileno())
    if refusal := _refusal(path_text.to_text(real), status, found):
        sound.close()
        abort(404, refusal)
    answer = send_file(
        sound,
        mimetype=media_type(path),
        as_attachment=to_be_saved,
        download_name=path_text.shown(path).rpartition("/")[2],
        last_modified=status.st_mtime,
        etag=f"{status.st_mtime_ns}-{status.st_size}",
    )
    answer.content_length = status.st_size
    try:
        return answer.make_conditional(request, accept_ranges=True, complete_length=status.st_size)
    except HTTPException:  # there is no such part
        sound.close()
        raise
