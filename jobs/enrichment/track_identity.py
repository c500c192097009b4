"""Which recording of MusicBrainz a track is that no identified album has.

By the recording id or an ISRC in its tags, by its AcoustID, else by a search: title, artists and
length must fit one recording clearly better than any other, or it is the only one on an album of
the same title.
"""

from collections.abc import Sequence
from functools import partial

from db.enrichment.tagged_entities import TaggedTrack
from jobs.enrichment.similarity import (
    CERTAIN,
    CLEARLY,
    Identity,
    Unknown,
    artist_similarity,
    isrcs,
    length_similarity,
    text_similarity,
    title_similarity,
)
from jobs.providers.acoustid import AcoustId
from jobs.providers.errors import BadFingerprintError
from jobs.providers.musicbrainz import MusicBrainz, phrase
from jobs.providers.musicbrainz_answers import Recording, credited
from jobs.providers.provider import LONGEST_NAME, is_somebody, mbid, normal

_WEIGHTS = {"title": 0.35, "artists": 0.35, "length": 0.3}
_LEAST = {"title": 0.85, "artists": 0.85, "length": 0.5}
_LEAST_SCORE = 0.9
"""Higher than of albums: one title and one length say less."""
_BY_ISRC = 0.98
_SAME_TITLE = 0.75
_LEAST_ACOUSTID_SCORE = 0.85
"""The least score of AcoustID that is taken, and the least title beside it."""

Found = Identity[Recording] | Unknown


def identify(track: TaggedTrack, musicbrainz: MusicBrainz, acoustid: AcoustId | None) -> Found:
    """The recording that the track is. Raises UnavailableError or RefusedError."""
    reasons: list[str] = []
    for find in (_by_id, _by_isrc, partial(_by_sound, acoustid=acoustid), _by_search):
        found = find(track, musicbrainz)
        if isinstance(found, Identity):
            return found
        reasons += found.reasons
    return Unknown(list(dict.fromkeys(reasons)))


def _by_id(track: TaggedTrack, musicbrainz: MusicBrainz) -> Found:
    recording_id = mbid(track.recording_id)
    if recording_id is None:
        return Unknown([])
    recording, answered = musicbrainz.recording(recording_id)
    if recording is None:
        return Unknown([f"MusicBrainz has no recording {recording_id}, which the tags name"])
    return Identity(recording, "recording id in the tags", CERTAIN, answered.asked_at)


def _by_isrc(track: TaggedTrack, musicbrainz: MusicBrainz) -> Found:
    reasons = []
    for isrc in isrcs(track.isrcs)[:2]:
        found, answered = musicbrainz.by_isrc(isrc)
        like = [
            each for each in found if text_similarity(track.title or "", each.title) >= _SAME_TITLE
        ]
        if len(like) == 1:
            return Identity(like[0], f"ISRC {isrc}", _BY_ISRC, answered.asked_at, [_named(like[0])])
        reasons.append(f"ISRC {isrc}: {len(like)} recordings of that title")
    return Unknown(reasons)


def _by_sound(track: TaggedTrack, musicbrainz: MusicBrainz, acoustid: AcoustId | None) -> Found:
    if acoustid is None or track.part:  # fpcalc begins with the file
        return Unknown([])
    try:
        matches = acoustid.lookup(track.path)
    except BadFingerprintError as error:
        return Unknown([str(error)])
    like = [
        each
        for each in matches
        if each.score >= _LEAST_ACOUSTID_SCORE
        and (not track.title or text_similarity(track.title, each.title) >= _LEAST_ACOUSTID_SCORE)
    ]
    ids = list(dict.fromkeys(each.recording_id for each in like))
    if len(ids) != 1:
        return Unknown([f"AcoustID: {len(ids)} recordings of that title match"])
    recording, answered = musicbrainz.recording(ids[0])
    if recording is None:
        return Unknown([f"AcoustID: MusicBrainz has no recording {ids[0]}"])
    score = round(like[0].score, 3)
    return Identity(
        recording,
        "AcoustID",
        score,
        answered.asked_at,
        [_named(recording), f"sound {score:.2f}"],
    )


def _by_search(track: TaggedTrack, musicbrainz: MusicBrainz) -> Found:
    title, artist = track.title or "", next(iter(track.artists), "")
    if not normal(title) or not is_somebody(artist) or not normal(artist):
        return Unknown(["the tags have no title and artist to search for"])
    if max(map(len, (title, artist))) > LONGEST_NAME:
        return Unknown(["title and artist are too long to search for"])
    query = f"{phrase('recording', title)} AND {phrase('artist', artist)}"
    scored = sorted(
        ((_score(track, each), each) for each in musicbrainz.search_recordings(query)),
        key=lambda each: -each[0],
    )
    taken = [each for each in scored if each[0] >= _LEAST_SCORE]
    if not taken:
        near = f", the nearest is {_named(scored[0][1])}" if scored else ""
        return Unknown([f"search: nothing of that title, artist and length{near}"])
    best = [each for each in taken if taken[0][0] - each[0] < CLEARLY]
    if len(best) > 1:
        best = [each for each in best if _is_on(track, each[1])]
    if len(best) != 1:
        return Unknown([f"search: {len(taken)} recordings fit equally well"])
    score, likely = best[0]
    recording, answered = musicbrainz.recording(likely.id)
    if recording is None:
        return Unknown([f"MusicBrainz has no recording {likely.id}, which its search names"])
    why = [_named(recording), *_why(track, likely)]
    return Identity(recording, "search", round(score, 3), answered.asked_at, why)


def _values(track: TaggedTrack, recording: Recording) -> dict[str, float]:
    values = {
        "title": text_similarity(track.title or "", recording.title),
        "artists": artist_similarity(track.artists, recording.credits),
        "length": length_similarity(track.duration, recording.seconds),
    }
    return {name: value for name, value in values.items() if value is not None}


def _score(track: TaggedTrack, recording: Recording) -> float:
    """0 when something is too unlike."""
    values = _values(track, recording)
    if any(value < _LEAST[name] for name, value in values.items()):
        return 0.0
    weight = sum(_WEIGHTS[name] for name in values)
    return sum(_WEIGHTS[name] * value for name, value in values.items()) / weight


def _why(track: TaggedTrack, recording: Recording) -> Sequence[str]:
    return [f"{name} {value:.2f}" for name, value in _values(track, recording).items()]


def _is_on(track: TaggedTrack, recording: Recording) -> bool:
    """Whether it is on an album of the title that the track's tags name."""
    title = track.album_title
    return bool(title) and any(
        title_similarity(title or "", on.title) == 1.0 for on in recording.on
    )


def _named(recording: Recording) -> str:
    return f"{credited(recording.credits)} - {recording.title} ({recording.id})"
