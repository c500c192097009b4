"""The life of a track, album or artist: what the tables keep of what happened to it, and when.

Of what no date is kept none is made up: such an event has none.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from peewee import Expression

from db.models import (
    Album,
    AlbumArtist,
    Artist,
    AudioFeatures,
    ChosenImage,
    Cluster,
    ClusterMembership,
    ClusterModel,
    Cover,
    EntityType,
    Fact,
    Image,
    Kind,
    LedgerRow,
    Problem,
    Scan,
    Track,
    TrackArtist,
    Vector,
)
from db.sql.path_text import is_under, shown
from db.sql.queries import slices, tuples

_MOST_TRACKS = 1_000
"""Tracks of an artist whose files are looked for among scans and problems."""
_MOST_SCANS = 200
"""The last scans among which those of its folder are looked for."""


class Event(NamedTuple):
    """Something that happened to it, or holds."""

    at: datetime | None
    """With a zone; None where no date is kept."""
    kind: str
    """file, scan, problem, need, cover, fact, sound, vector, cluster, job or log."""
    text: str
    job: str = ""
    """The id of the job that did it, where that is known."""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "at": self.at.isoformat(timespec="milliseconds") if self.at else None,
            "kind": self.kind,
            "text": self.text,
            "job": self.job or None,
        }


def exists(entity_type: EntityType, entity_id: int) -> bool:
    """Whether there is such a track, album or artist."""
    model: Any = {EntityType.TRACK: Track, EntityType.ALBUM: Album}.get(entity_type, Artist)
    return bool(model.select().where(model.id == entity_id).exists())


def events(entity_type: EntityType, entity_id: int) -> list[Event]:
    """What the database knows of it, by time; what has no date comes last."""
    files = _files(entity_type, entity_id)
    found = [*_of_files(files), *_scans(files), *_problems({path for path, *_ in files})]
    if entity_type is EntityType.ALBUM:
        added = Album.select(Album.added_at).where(Album.id == entity_id)
        found += [Event(_utc(at), "file", "the album came to be") for (at,) in tuples(added)]
    for gather in (_covers, _facts, _vectors, _clusters, _needs):
        found += gather(entity_type, entity_id)
    if entity_type is EntityType.TRACK:
        found += _analysis(entity_id)
    return by_time(found)


def by_time(found: Collection[Event]) -> list[Event]:
    """Events in the order of time, those without a date last."""
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda event: event.at or last)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


class _File(NamedTuple):
    """The file of a track."""

    path: str
    added_at: datetime
    missing_since: datetime | None
    mtime_ns: int


def _files(entity_type: EntityType, entity_id: int) -> list[_File]:
    columns = (Track.path, Track.added_at, Track.missing_since, Track.mtime_ns)
    query = Track.select(*columns)
    if entity_type is EntityType.TRACK:
        query = query.where(Track.id == entity_id)
    elif entity_type is EntityType.ALBUM:
        query = query.where(Track.album == entity_id)
    else:
        of_tracks = TrackArtist.select(TrackArtist.track).where(TrackArtist.artist == entity_id)
        albums = AlbumArtist.select(AlbumArtist.album).where(AlbumArtist.artist == entity_id)
        query = query.where(Track.id.in_(of_tracks) | Track.album.in_(albums))
    return [
        _File(*row) for row in tuples(query.order_by(Track.added_at, Track.id).limit(_MOST_TRACKS))
    ]


def _of_files(files: Sequence[_File]) -> Iterator[Event]:
    """When files came and went: one event for all of a minute."""
    came = [(each.added_at, each.path) for each in files]
    went = [(each.missing_since, each.path) for each in files if each.missing_since]
    for what, dated in (("added", came), ("found missing", went)):
        for _, several in groupby(
            sorted(dated), lambda row: row[0].replace(second=0, microsecond=0)
        ):
            (at, path), *others = several
            more = f" and {len(others):,} more were" if others else " was"
            yield Event(_utc(at), "file", f"{shown(path)}{more} {what}")
    if len(files) == 1:
        at = datetime.fromtimestamp(files[0].mtime_ns / 1e9, UTC)
        yield Event(at, "file", "its file was written last, by the date of the file")


def _scans(files: Sequence[_File]) -> Iterator[Event]:
    """The last scans that went through a folder of it, since its first file was added."""
    query = Scan.select().order_by(Scan.id.desc()).limit(_MOST_SCANS)
    for scan in query if files else ():
        end = scan.finished_at or scan.started_at
        if end >= files[0].added_at and any(is_under(path, scan.root) for path, *_ in files):
            part = " in part" if scan.scope else ""
            how = f"ended: {scan.fault}" if scan.fault else "ended" if scan.finished_at else "runs"
            yield Event(_utc(end), "scan", f"scan {scan.id} of {shown(scan.root)}{part} {how}")


def _problems(paths: Collection[str]) -> Iterator[Event]:
    for part in slices(sorted(paths)):
        for each in Problem.select().where(Problem.path.in_(list(part))):
            text = f"{shown(each.path)}: {each.message} ({each.stage}, {each.code})"
            yield Event(_utc(each.first_seen), "problem", f"first seen: {text}")
            if each.last_seen != each.first_seen:
                yield Event(_utc(each.last_seen), "problem", f"last seen: {text}")


def _is(model: Any, entity_type: EntityType, entity_id: int) -> Expression:
    of_it: Expression = (model.entity_type == entity_type) & (model.entity_id == entity_id)
    return of_it


def _needs(entity_type: EntityType, entity_id: int) -> Iterator[Event]:
    """What it needs, as the ledger has it, which keeps no date of the past."""
    any_kind = LedgerRow.kind.in_(list(Kind))  # the index begins with it
    for row in LedgerRow.select().where(any_kind, _is(LedgerRow, entity_type, entity_id)):
        parts = [f"{row.kind}: {row.state}", f"{row.attempt} attempts" if row.attempt > 1 else ""]
        parts += [
            row.reason or "",
            f"looked for in {', '.join(row.sources)}" if row.sources else "",
        ]
        parts += [f"ended by {row.signal} in {row.stage}" if row.signal else ""]
        if row.look_again_at:
            parts.append(f"tried again from {row.look_again_at:%Y-%m-%d %H:%M} UTC on")
        yield Event(None, "need", "; ".join(filter(None, parts)), row.lease or "")


def _covers(entity_type: EntityType, entity_id: int) -> Iterator[Event]:
    columns = (Cover.role, Cover.source, Cover.source_path, Image.added_at)
    query = Cover.select(*columns).join(Image).where(_is(Cover, entity_type, entity_id))
    for role, source, path, stored in tuples(query):
        yield Event(_utc(stored), "cover", f"the image that it shows as {role} was stored")
        yield Event(None, "cover", f"shows as {role} an image from {source}: {shown(path)}")
    for each in ChosenImage.select().where(_is(ChosenImage, entity_type, entity_id)):
        text = f"{shown(each.source_path)} was chosen as {each.role}"
        yield Event(_utc(each.chosen_at), "cover", text)


def _facts(entity_type: EntityType, entity_id: int) -> Iterator[Event]:
    columns = (Fact.source, Fact.fetched_at, Fact.field)
    query = Fact.select(*columns).where(_is(Fact, entity_type, entity_id))
    rows = tuples(query.order_by(Fact.fetched_at, Fact.source, Fact.field))
    for (source, at), several in groupby(rows, lambda row: row[:2]):
        fields = ", ".join(field for *_, field in several)
        yield Event(_utc(at), "fact", f"{source} said: {fields}")


def _analysis(track_id: int) -> Iterator[Event]:
    for row in AudioFeatures.select().where(AudioFeatures.track == track_id):
        text = f"its sound was analysed by {row.decoder}: {row.seconds:.0f} s"
        yield Event(_utc(row.analysed_at), "sound", text)


def _vectors(entity_type: EntityType, entity_id: int) -> Iterator[Event]:
    query = Vector.select(Vector.made_at, Vector.model).where(_is(Vector, entity_type, entity_id))
    for at, model in tuples(query.order_by(Vector.made_at)):
        yield Event(_utc(at), "vector", f"its vector was made by model {model}")


def _clusters(entity_type: EntityType, entity_id: int) -> Iterator[Event]:
    columns = (ClusterMembership.made_at, ClusterModel.id, Cluster.name)
    query = (
        ClusterMembership.select(*columns)
        .join(ClusterModel)
        .switch(ClusterMembership)
        .join(Cluster)
        .where(ClusterMembership.entity_id == entity_id, ClusterModel.entity_type == entity_type)
        .order_by(ClusterModel.id, ClusterMembership.id)
    )
    for at, model, name in tuples(query):
        yield Event(_utc(at), "cluster", f"belongs to the cluster {name}, by model {model}")
