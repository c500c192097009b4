"""What maintenance does."""

import os
from contextlib import suppress
from datetime import timedelta
from subprocess import CalledProcessError

from db.artwork import image_files
from db.maintenance import backups, fleet_history
from db.models import (
    EntityType,
    Image,
    Kind,
    LedgerRow,
    LibraryIdentity,
    Problem,
    Scan,
    State,
    Track,
    database,
    utc_now,
)
from db.scanning import scans
from db.sql.connection import transaction
from tests.mission.cases import Prepared, case, needs, recorded, state
from tests.mission.standing_fleet import StandingFleet, until
from tests.providers.server import status
from worker.supervisor import control


@case("maintenance.rebalance_queues")
def _rebalance(fleet: StandingFleet) -> Prepared:
    """Half of a move: a worker of supervisord's file is not there."""

    def finished() -> bool:
        names = {each.name for each in control.processes()}
        return "metadata-2" in names

    def removed() -> bool:
        for action in ("stop", "remove"):  # it may end, or start, by itself at this moment
            with suppress(CalledProcessError):
                fleet.supervisorctl(action, "metadata-2")
        return not finished()

    until(removed, "the removal of a worker")
    return Prepared({}, lambda _: finished())


@case("maintenance.reconcile")
def _reconcile(fleet: StandingFleet) -> Prepared:
    needs(Kind.COVER, EntityType.ALBUM, 5)

    def settled() -> bool:
        return state(Kind.COVER, EntityType.ALBUM, 5) == State.DONE

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


@case("maintenance.group_again")
def _group_again(fleet: StandingFleet) -> Prepared:
    LibraryIdentity.update(grouping_rules=0).execute()
    return Prepared({}, lambda _: LibraryIdentity.get().grouping_rules > 0)


@case("maintenance.forget_roots")
def _forget(fleet: StandingFleet) -> Prepared:
    scan = Scan.create(root="/given up", finished_at=utc_now(), forgotten_at=utc_now())
    return Prepared({}, lambda _: Scan.get_or_none(Scan.id == scan.id) is None)


@case("maintenance.optimize_database")
def _optimize(fleet: StandingFleet) -> Prepared:
    """Pages that are free, and a planner that knows nothing of the tables."""
    Problem.create(path="/x", stage="test", code="damaged", message="x" * 1_000_000)
    Problem.delete().where(Problem.path == "/x").execute()
    database.execute_sql("ANALYZE")
    database.execute_sql("DELETE FROM sqlite_stat1")

    def counted(statement: str) -> int:
        ((count,),) = database.execute_sql(statement).fetchall()
        return int(count)

    def optimized() -> bool:
        free = counted("PRAGMA freelist_count")
        return free < 100 and counted("SELECT COUNT(*) FROM sqlite_stat1") > 0

    assert not optimized()
    return Prepared({}, lambda _: optimized())


@case("maintenance.backup")
def _backup(fleet: StandingFleet) -> Prepared:
    assert backups.existing() == []
    return Prepared({}, lambda _: len(backups.existing()) == 1)


@case("maintenance.notify_owner")
def _notify(fleet: StandingFleet) -> Prepared:
    Scan.create(root="/music", unreadable=1, finished_at=utc_now())
    fleet.web.routes["/notified"] = status(200)

    def is_sent() -> bool:
        return "/notified" in fleet.web.paths()

    assert not is_sent()
    return Prepared({}, lambda _: is_sent())


@case("maintenance.generate_daily_health_report")
def _report(fleet: StandingFleet) -> Prepared:
    assert fleet_history.latest() is None
    return Prepared({}, lambda _: fleet_history.latest() is not None)


@case("maintenance.archive_old_logs")
def _logs(fleet: StandingFleet) -> Prepared:
    rotated = fleet.command.data_dir / "run" / "scan-1.log.2"
    rotated.write_text("once upon a time\n")
    os.utime(rotated, (0, 0))
    return Prepared({}, lambda _: not rotated.exists())


@case("maintenance.diagnostic_missing_fields")
def _missing_fields(fleet: StandingFleet) -> Prepared:
    Track.update(title=None).where(Track.id == 13).execute()
    is_recorded = recorded("maintenance.diagnostic_missing_fields")
    return Prepared({}, lambda job: job.return_value()["title"] == 1 and is_recorded(job))


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
