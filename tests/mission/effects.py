"""What each job is to leave in the database, and a state that lacks it."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rq.job import Job

from db import backups, health_reports, image_files, ledger, scans
from db.connection import transaction
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ArtistPicture,
    AudioFeatures,
    ChosenImage,
    Cluster,
    ClusterMembership,
    ClusterModel,
    Cover,
    EmbeddedPicture,
    EntityType,
    Fact,
    Image,
    Kind,
    LedgerRow,
    MaintenanceRun,
    ModelHealth,
    Scan,
    State,
    TagCheck,
    Track,
    Vector,
    VectorModel,
    utc_now,
)
from db.paths import to_text
from jobs.covers import remote
from jobs.records import FoundFile
from tests.enrichment.library import RELEASE
from tests.mission.standing_fleet import StandingFleet, until, write_song
from tests.music import picture
from tests.providers import library as remote_library
from tests.providers.server import page
from tests.providers.server import picture as picture_page
from tests.providers.shapes import data, deezer_album, deezer_artist, mb_id
from worker import dispatch
from worker.queues import pausing

Is = Callable[[Job], bool]


class Prepared(NamedTuple):
    """A state that needs the job."""

    arguments: dict[str, Any]
    is_done: Is
    """Whether its effect is there."""


Case = Callable[[StandingFleet], Prepared]
CASES: dict[str, Case] = {}
_new_songs = iter(range(70, 80))


def case(name: str) -> Callable[[Case], Case]:
    """Mark the case of a job."""

    def keep(function: Case) -> Case:
        CASES[name] = function
        return function

    return keep


def _needs(kind: Kind, entity_type: EntityType, entity_id: int) -> None:
    with transaction():
        ledger.need(kind, entity_type, [entity_id])


def _state(kind: Kind, entity_type: EntityType, entity_id: int) -> str:
    return str(
        LedgerRow.get(
            LedgerRow.kind == kind,
            LedgerRow.entity_type == entity_type,
            LedgerRow.entity_id == entity_id,
        ).state
    )


# Scanning


def _new_song(fleet: StandingFleet) -> Path:
    number = next(_new_songs)
    path = fleet.music / f"Newcomer {number}" / f"{number}.flac"
    write_song(path, number, f"Newcomer {number}", f"Newcomer {number}")
    return path


def _taken_in(path: Path) -> Is:
    return lambda _: bool(
        until(lambda: Track.get_or_none(Track.path == to_text(bytes(path))), f"{path.name}")
    )


def _chunk(fleet: StandingFleet, path: Path) -> int:
    """A chunk with one file, of a scan that was walked."""
    stat = path.stat()
    found = FoundFile(to_text(bytes(path)), stat.st_size, stat.st_mtime_ns)
    with transaction():
        scan_id = scans.start(str(path.parent), deep=False)
        chunk_id = scans.add_chunk(scan_id, [found.as_json()])
        scans.walked(scan_id, found=1, unchanged=0, missing=0)
    return chunk_id


def _handed_on(fleet: StandingFleet, job: str, reading: str) -> dict[str, Any]:
    """What a stage is given when a new file is read: the stages before it run, it does not."""
    queue = dispatch.topology().route(job).name
    pausing.pause(queue)
    dispatch.enqueue(reading, chunk_id=_chunk(fleet, _new_song(fleet)))
    held = until(lambda: next(dispatch.held_jobs(job), None), f"a job {job}")
    dispatch.queue(queue).empty()
    pausing.resume(queue)
    return held.arguments


def _written(arguments: dict[str, Any]) -> Is:
    chunk_id = arguments["chunk_id"]
    return lambda _: bool(until(lambda: scans.open_chunk(chunk_id) is None, f"chunk {chunk_id}"))


@case("scan.discovery")
def _discovery(fleet: StandingFleet) -> Prepared:
    path = _new_song(fleet)
    return Prepared({"root": str(fleet.music)}, _taken_in(path))


@case("metadata.extract_batch")
def _extract(fleet: StandingFleet) -> Prepared:
    path = _new_song(fleet)
    return Prepared({"chunk_id": _chunk(fleet, path)}, _taken_in(path))


@case("batch.process_entities")
def _group(fleet: StandingFleet) -> Prepared:
    arguments = _handed_on(fleet, "batch.process_entities", "metadata.extract_batch")
    return Prepared(arguments, _written(arguments))


@case("insert.direct_batch")
def _insert(fleet: StandingFleet) -> Prepared:
    arguments = _handed_on(fleet, "insert.direct_batch", "metadata.extract_batch")
    return Prepared(arguments, _written(arguments))


# Covers


@case("covers.extract_embedded")
def _embedded(fleet: StandingFleet) -> Prepared:
    seen = EmbeddedPicture.get()
    image_files.original(seen.digest).unlink()
    _needs(Kind.PICTURE, EntityType.TRACK, seen.track_id)
    stored = image_files.original(seen.digest)
    return Prepared({"track_ids": [seen.track_id]}, lambda _: stored.exists())


def _shows(entity_type: EntityType, entity_id: int) -> Is:
    """Take away what it shows, and ask for it."""
    shown = (Cover.entity_type == entity_type) & (Cover.entity_id == entity_id)
    Cover.delete().where(shown).execute()
    _needs(Kind.COVER, entity_type, entity_id)
    return lambda _: Cover.select().where(shown).exists()


@case("covers.process_track_covers_batch")
def _track_covers(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_ids": [1]}, _shows(EntityType.TRACK, 1))


@case("covers.process_album_covers")
def _album_covers(fleet: StandingFleet) -> Prepared:
    return Prepared({"album_ids": [1]}, _shows(EntityType.ALBUM, 1))


@case("covers.process_artist_images_batch")
def _artist_images_batch(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_ids": [1]}, _shows(EntityType.ARTIST, 1))


@case("covers.process_artist_images")
def _artist_images(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_id": 2}, _shows(EntityType.ARTIST, 2))


@case("covers.extract_artist_images")
def _artist_pictures(fleet: StandingFleet) -> Prepared:
    ArtistPicture.delete().where(ArtistPicture.artist == 1).execute()
    _needs(Kind.PICTURE, EntityType.ARTIST, 1)
    noted = ArtistPicture.select().where(ArtistPicture.artist == 1)
    return Prepared({"artist_ids": [1]}, lambda _: noted.exists())


def _choice(fleet: StandingFleet, album_id: int) -> dict[str, Any]:
    path = fleet.music / f"chosen {album_id}.jpg"
    path.write_bytes(picture("gold"))
    album: dict[str, Any] = {"entity_type": "album", "entity_id": album_id, "role": "front"}
    return {**album, "path": to_text(bytes(path))}


def _is_chosen(album_id: int) -> bool:
    return ChosenImage.select().where(ChosenImage.entity_id == album_id).exists()


@case("covers.choose_image")
def _choose(fleet: StandingFleet) -> Prepared:
    return Prepared(_choice(fleet, 3), lambda _: _is_chosen(3))


@case("covers.withdraw_image")
def _withdraw(fleet: StandingFleet) -> Prepared:
    chosen = _choice(fleet, 4)
    fleet.run("covers.choose_image", chosen)
    assert _is_chosen(4)
    del chosen["path"]
    return Prepared(chosen, lambda _: not _is_chosen(4))


@case("covers.explain")
def _explain(fleet: StandingFleet) -> Prepared:
    return Prepared({"entity_type": "album", "entity_id": 1}, lambda job: bool(job.return_value()))


@case("covers.make_thumbnails")
def _thumbnails(fleet: StandingFleet) -> Prepared:
    digest = Image.get().digest
    size = max(image_files.SIZES)
    made = image_files.thumbnail(digest, size)
    assert not made.exists()
    return Prepared({"digest": digest, "size": size}, lambda _: made.exists())


@case("covers.fetch_album_covers")
def _fetch_album(fleet: StandingFleet) -> Prepared:
    url = f"{fleet.web.url}/deezer/album.jpg"
    fleet.web.routes["/deezer/album.jpg"] = picture_page(remote_library.paint("blue"))
    found = data(deezer_album("Far Away", "Somebody", url, tracks=0))
    fleet.web.routes["/deezer/search/album"] = page(found)
    album = Album.create(key="Far Away", title="Far Away")
    artist, _ = Artist.get_or_create(name="Somebody")
    AlbumArtist.create(album=album, position=0, artist=artist)
    with transaction():
        remote.want(EntityType.ALBUM, [album.id])
    return Prepared({"album_ids": [album.id]}, _shown_from(EntityType.ALBUM, album.id, "deezer"))


@case("covers.fetch_artist_images")
def _fetch_artist(fleet: StandingFleet) -> Prepared:
    url = f"{fleet.web.url}/deezer/artist.jpg"
    fleet.web.routes["/deezer/artist.jpg"] = picture_page(remote_library.paint("red"))
    fleet.web.routes["/deezer/search/artist"] = page(data(deezer_artist("Nobody Else", url)))
    artist = Artist.create(name="Nobody Else")
    with transaction():
        remote.want(EntityType.ARTIST, [artist.id])
    done = _shown_from(EntityType.ARTIST, artist.id, "deezer")
    return Prepared({"artist_ids": [artist.id]}, done)


def _shown_from(entity_type: EntityType, entity_id: int, source: str) -> Is:
    shown = Cover.select().where(
        Cover.entity_type == entity_type, Cover.entity_id == entity_id, Cover.source == source
    )
    return lambda _: shown.exists()


# Enrichment


def _enrichment(album_id: int) -> Any:
    return (
        (LedgerRow.kind == Kind.ENRICHMENT)
        & (LedgerRow.entity_type == EntityType.ALBUM)
        & (LedgerRow.entity_id == album_id)
    )


@case("metadata.enrich_batch")
def _enrich(fleet: StandingFleet) -> Prepared:
    fleet.web.routes[f"/musicbrainz/release/{mb_id(100)}"] = page(RELEASE)
    Album.update(musicbrainz_release_id=mb_id(100)).where(Album.id == 5).execute()
    _needs(Kind.ENRICHMENT, EntityType.ALBUM, 5)
    told = Fact.select().where(Fact.entity_type == EntityType.ALBUM, Fact.entity_id == 5)
    assert not told.exists()
    return Prepared({"album_ids": [5]}, lambda _: told.exists())


@case("worker_deferred_enrichment.process_enrichment_batch")
def _pick(fleet: StandingFleet) -> Prepared:
    LedgerRow.delete().where(_enrichment(6)).execute()
    return Prepared({}, lambda _: LedgerRow.select().where(_enrichment(6)).exists())


@case("worker_deferred_enrichment.get_enrichment_stats")
def _stats(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _recorded("worker_deferred_enrichment.get_enrichment_stats"))


@case("worker_deferred_enrichment.retry_failed_enrichments")
def _retry(fleet: StandingFleet) -> Prepared:
    _needs(Kind.ENRICHMENT, EntityType.ALBUM, 7)
    LedgerRow.update(state=State.FAILED).where(_enrichment(7)).execute()
    return Prepared({}, lambda _: _state(Kind.ENRICHMENT, EntityType.ALBUM, 7) != State.FAILED)


# Hearing and what is alike


def _is_heard(track_id: int) -> Is:
    """Forget what was heard in a track, and ask for it."""
    AudioFeatures.delete().where(AudioFeatures.track == track_id).execute()
    _needs(Kind.ANALYSIS, EntityType.TRACK, track_id)
    heard = AudioFeatures.select().where(AudioFeatures.track == track_id)
    return lambda _: heard.exists()


@case("audio_analysis.analyze_batch")
def _analyze_batch(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_ids": [5]}, _is_heard(5))


@case("audio_analysis.analyze_track")
def _analyze_track(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 6}, _is_heard(6))


def _has_vector(entity_type: EntityType, entity_id: int) -> Is:
    """Take an entity's vector away, and ask for it."""
    own = (Vector.entity_type == entity_type) & (Vector.entity_id == entity_id)
    assert Vector.delete().where(own).execute() == 1
    _needs(Kind.VECTOR, entity_type, entity_id)
    return lambda _: Vector.select().where(own).exists()


@case("vectorization.batch")
def _vectors(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_ids": [7]}, _has_vector(EntityType.TRACK, 7))


@case("vectorization.batch_albums")
def _album_vectors(fleet: StandingFleet) -> Prepared:
    return Prepared({"album_ids": [2]}, _has_vector(EntityType.ALBUM, 2))


@case("vectorization.batch_artists")
def _artist_vectors(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_ids": [2]}, _has_vector(EntityType.ARTIST, 2))


@case("vectorization.calculate")
def _calculate(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 8}, _has_vector(EntityType.TRACK, 8))


@case("vectorization.train")
def _train(fleet: StandingFleet) -> Prepared:
    before = VectorModel.select().count()
    return Prepared({"reason": "a test"}, lambda _: VectorModel.select().count() == before + 1)


@case("vectorization.rebuild")
def _rebuild(fleet: StandingFleet) -> Prepared:
    settled = _state(Kind.VECTOR, EntityType.TRACK, 9)
    assert settled == State.DONE
    return Prepared({}, lambda _: _state(Kind.VECTOR, EntityType.TRACK, 9) == State.TODO)


@case("vectorization.search_similar")
def _similar(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 1, "count": 5}, lambda job: len(job.return_value()) == 5)


@case("monitoring.monitor_tag_changes")
def _tags(fleet: StandingFleet) -> Prepared:
    TagCheck.delete().execute()
    return Prepared({}, lambda _: TagCheck.select().count() == 1)


@case("monitoring.check_model_health")
def _health(fleet: StandingFleet) -> Prepared:
    before = ModelHealth.select().count()
    return Prepared({}, lambda _: ModelHealth.select().count() == before + 1)


def _is_clustered(entity_type: EntityType, entity_id: int) -> Is:
    """Take an entity out of its clusters."""
    models = ClusterModel.select(ClusterModel.id).where(ClusterModel.entity_type == entity_type)
    own = (ClusterMembership.entity_id == entity_id) & ClusterMembership.model.in_(models)
    assert ClusterMembership.delete().where(own).execute()
    return lambda _: ClusterMembership.select().where(own).exists()


@case("gmm.cluster_all_tracks")
def _all_tracks(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _is_clustered(EntityType.TRACK, 10))


@case("gmm.cluster_all_artists")
def _all_artists(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _is_clustered(EntityType.ARTIST, 3))


@case("gmm.cluster_track")
def _one_track(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 11}, _is_clustered(EntityType.TRACK, 11))


@case("gmm.cluster_artist")
def _one_artist(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_id": 4}, _is_clustered(EntityType.ARTIST, 4))


@case("gmm.refresh_stale_clusters")
def _stale(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _is_clustered(EntityType.TRACK, 12))


@case("gmm.train_model")
def _mixture(fleet: StandingFleet) -> Prepared:
    before = ClusterModel.select().count()
    return Prepared({"entity_type": "track"}, lambda _: ClusterModel.select().count() == before + 1)


@case("gmm.cleanup_old_clusters")
def _old_clusters(fleet: StandingFleet) -> Prepared:
    long_ago = utc_now() - timedelta(days=4000)
    old = Cluster.create(entity_type="track", name="Old", size=0, retired_at=long_ago)
    return Prepared({}, lambda _: Cluster.get_or_none(Cluster.id == old.id) is None)


# Upkeep


def _recorded(job: str) -> Is:
    """Whether the run is written down, without a fault."""
    before = {row.id for row in MaintenanceRun.select()}

    def look(_: Job) -> bool:
        runs = MaintenanceRun.select().where(MaintenanceRun.job == job)
        return any(run.id not in before and run.fault is None for run in runs)

    return look


@case("maintenance.rebalance_queues")
def _rebalance(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _recorded("maintenance.rebalance_queues"))


@case("maintenance.reconcile")
def _reconcile(fleet: StandingFleet) -> Prepared:
    _needs(Kind.COVER, EntityType.ALBUM, 5)

    def settled() -> bool:
        return _state(Kind.COVER, EntityType.ALBUM, 5) == State.DONE

    return Prepared({}, lambda _: bool(until(settled, "the cover of an album")))


@case("maintenance.cleanup_expired_tasks")
def _expired(fleet: StandingFleet) -> Prepared:
    scan = Scan.create(root="/gone", finished_at=utc_now())
    with transaction():
        chunk_id = scans.add_chunk(scan.id)
    chunk = scans.open_chunk(chunk_id)
    assert chunk is not None
    chunk.done_at = utc_now()
    chunk.save()
    return Prepared({}, lambda _: not scan.chunks.exists())


@case("maintenance.validate_system_integrity")
def _integrity(fleet: StandingFleet) -> Prepared:
    LedgerRow.create(kind=Kind.COVER, entity_type=EntityType.ALBUM, entity_id=4711)
    orphans = LedgerRow.select().where(LedgerRow.entity_id == 4711)
    return Prepared({}, lambda _: not orphans.exists())


@case("maintenance.cleanup_old_data")
def _old_data(fleet: StandingFleet) -> Prepared:
    unknown = image_files.original("ab" * 32)
    unknown.parent.mkdir(parents=True)
    unknown.write_bytes(b"nobody knows me")
    os.utime(unknown, (0, 0))
    return Prepared({}, lambda _: not unknown.exists())


@case("maintenance.optimize_database")
def _optimize(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _recorded("maintenance.optimize_database"))


@case("maintenance.backup")
def _backup(fleet: StandingFleet) -> Prepared:
    assert backups.existing() == []
    return Prepared({}, lambda _: len(backups.existing()) == 1)


@case("maintenance.generate_daily_health_report")
def _report(fleet: StandingFleet) -> Prepared:
    assert health_reports.latest() is None
    return Prepared({}, lambda _: health_reports.latest() is not None)


@case("maintenance.archive_old_logs")
def _logs(fleet: StandingFleet) -> Prepared:
    rotated = fleet.command.data_dir / "run" / "scan-1.log.2"
    rotated.write_text("once upon a time\n")
    os.utime(rotated, (0, 0))
    return Prepared({}, lambda _: not rotated.exists())


@case("maintenance.diagnostic_missing_fields")
def _missing_fields(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _recorded("maintenance.diagnostic_missing_fields"))


@case("maintenance.remove_unused_pictures")
def _unused(fleet: StandingFleet) -> Prepared:
    long_ago = utc_now() - timedelta(days=400)
    unused = Image.create(
        digest="0" * 64, mime="image/jpeg", bytes=1, placeholder="", unused_since=long_ago
    )
    return Prepared({}, lambda _: Image.get_or_none(Image.id == unused.id) is None)


@case("maintenance.complete_pictures")
def _incomplete(fleet: StandingFleet) -> Prepared:
    image = Image.get(Image.placeholder.is_null(False))
    Image.update(placeholder=None).where(Image.id == image.id).execute()
    return Prepared({}, lambda _: Image.get_by_id(image.id).placeholder is not None)
