"""What was found out of tracks and their tags may lack: tempo, key and MusicBrainz ids."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from db.models import AudioFeatures, EntityType, Fact, Track
from db.sql.queries import tuples

_SURE = 0.5
"""The least confidence of a tempo or key that is written."""
_CERTAIN = 0.9
"""The least score of a fact whose id is written."""
GAINS = (
    *("replaygain_track_gain", "replaygain_track_peak"),
    *("replaygain_album_gain", "replaygain_album_peak"),
)
NO_PEAKS = ("opus",)
_IDS = {
    (EntityType.TRACK, "recording_id"): "musicbrainz_recording_id",
    (EntityType.ALBUM, "release_id"): "musicbrainz_release_id",
    (EntityType.ALBUM, "release_group_id"): "musicbrainz_release_group_id",
}


class TrackFile(NamedTuple):
    """A track as the database has it."""

    id: int
    album: int | None
    path: str
    size: int
    mtime_ns: int
    part: int
    start: float | None
    codec: str
    own_bpm: float | None
    said: dict[str, Any]
    """What its tags say, by field."""


_SAID = ("bpm", "key", *GAINS, *_IDS.values())
_COLUMNS = (
    *(Track.id, Track.album, Track.path, Track.size, Track.mtime_ns, Track.part, Track.start),
    *(Track.codec, Track.own_bpm),
)


def track_files(which: Any) -> list[TrackFile]:
    """The tracks that are there and for which this condition holds."""
    said, count = [getattr(Track, name) for name in _SAID], len(_COLUMNS)
    query = Track.select(*_COLUMNS, *said).where(which, Track.missing_since.is_null())
    return [
        TrackFile._make((*row[:count], dict(zip(_SAID, row[count:], strict=True))))
        for row in tuples(query.order_by(Track.disc, Track.track, Track.path))
    ]


def found_out(tracks: Sequence[TrackFile]) -> dict[int, dict[str, str]]:
    """What was found out of each track, by field, as it is written."""
    wanted: dict[int, dict[str, str]] = {track.id: {} for track in tracks}
    query = AudioFeatures.select(
        AudioFeatures.track,
        AudioFeatures.bpm,
        AudioFeatures.bpm_confidence,
        AudioFeatures.key,
        AudioFeatures.key_confidence,
    ).where(AudioFeatures.track.in_(list(wanted)))
    for track_id, bpm, bpm_sure, key, key_sure in tuples(query):
        if bpm and (bpm_sure or 0) >= _SURE:
            wanted[track_id]["bpm"] = str(round(bpm))
        if key and (key_sure or 0) >= _SURE:
            wanted[track_id]["key"] = key
    for track in tracks:
        if track.own_bpm:
            wanted[track.id]["bpm"] = str(round(track.own_bpm))
    for entity_type, ids in (
        (EntityType.TRACK, {track.id: [track.id] for track in tracks}),
        (EntityType.ALBUM, _by_album(tracks)),
    ):
        for field, entity_id, value in _certain(entity_type, list(ids)):
            for track_id in ids[entity_id]:
                wanted[track_id][_IDS[entity_type, field]] = value
    return wanted


def lacking(track_id: int) -> dict[str, str]:
    """What was found out of a track and its tags lack, by field; gains are not measured for it."""
    tracks = track_files(Track.id == track_id)
    found = found_out(tracks)
    return {
        name: text
        for track in tracks
        for name, text in found[track.id].items()
        if track.said.get(name) is None
    }


def _by_album(tracks: Sequence[TrackFile]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for track in tracks:
        if track.album is not None:
            found[track.album].append(track.id)
    return found


def _certain(entity_type: EntityType, ids: list[int]) -> Iterator[tuple[str, int, str]]:
    """The ids of MusicBrainz that are certain to be of these entities, by field."""
    fields = [field for kind, field in _IDS if kind is entity_type]
    query = Fact.select(Fact.field, Fact.entity_id, Fact.value).where(
        Fact.entity_type == entity_type,
        Fact.entity_id.in_(ids),
        Fact.field.in_(fields),
        Fact.score >= _CERTAIN,
    )
    for field, entity_id, value in tuples(query):
        if isinstance(value, str):
            yield field, entity_id, value
