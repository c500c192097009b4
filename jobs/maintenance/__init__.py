"""Maintenance of the queues, the database and the files that the fleet keeps.

The scheduler imports it for its questions, so what few jobs need they import as they run.
"""

from db import ledger
from db.artwork import images
from db.enrichment import facts
from db.errors import counted
from db.library import statistics
from db.maintenance import notices
from db.maintenance.maintenance_runs import recorded_run
from db.scanning import roots
from jobs.maintenance import reconciliation
from jobs.maintenance.reconciliation import (
    ask_for_searches,
    enqueue_missing,
    is_something_due,
)
from worker.dispatch import alone, job, only_when
from worker.maintenance.rebalance import may_help, rebalance


@job
def cleanup_expired_tasks() -> dict[str, int]:
    """Delete ended jobs, keys of dead workers, chunks of ended scans, and expired answers.

    The answers are those of providers. The job never touches waiting work; a job that has begun
    and whose worker is long gone fails. Returns how many of each.
    """
    from db.maintenance import removal  # noqa: PLC0415  # see above
    from worker.queues import admin  # noqa: PLC0415  # see above

    with recorded_run("maintenance.cleanup_expired_tasks") as done:
        done.changes.update(admin.drop_expired())
        dropped = removal.drop_ended_scans()
        done.changes["chunks of ended scans"] = dropped.chunks
        done.changes["scans of parts"] = dropped.parts
        done.changes["answers of providers"] = facts.drop_overdue_answers()
    return done.changes


@job
@only_when(is_something_due)
def reconcile() -> dict[str, int] | None:
    """Enqueue again what is to do in the ledger and no queue holds; return how many, by job.

    Failed work, and searches that found nothing, are to do again once their time has come.
    Entities without a cover are searched for on the web once a provider is turned on. Returns None
    when another reconciliation is running.
    """
    with alone("reconcile") as is_mine:
        if not is_mine:
            return None
        with recorded_run("maintenance.reconcile", only_changes=True) as done:
            done.changes["needs that became due"] = ledger.wake_due()
            ask_for_searches()
            ledger.add_up()
            enqueued = enqueue_missing()
            done.changes.update({f"{name} enqueued": count for name, count in enqueued.items()})
            return enqueued


@job
def generate_daily_health_report() -> dict[str, int]:
    """Write the statistics of each queue and kind of work since the report of the day before.

    Returns whether they say anything new, as a count of reports.
    """
    from worker.status import overview  # noqa: PLC0415  # see above

    with recorded_run("maintenance.generate_daily_health_report") as done:
        done.changes["reports written"] = int(overview.make_health_report())
    return done.changes


@job
def archive_old_logs() -> dict[str, int]:
    """Compress rotated logs, and delete those older than FLEET_KEEP_LOGS_DAYS.

    Returns how many of each. Raises SettingError and OSError.
    """
    from jobs.maintenance.old_data import archive_logs  # noqa: PLC0415  # see above

    with recorded_run("maintenance.archive_old_logs") as done:
        archive_logs(done)
    return done.changes


@job
def diagnostic_missing_fields() -> dict[str, int]:
    """Count the tracks that lack each of `missing_tags.FIELDS`; `fleet missing-tags` lists them."""
    with recorded_run("maintenance.diagnostic_missing_fields") as done:
        totals = statistics.missing_tag_totals()
        done.notes.extend(
            f"{counted(count, 'track')} without {what}" for what, count in totals.items() if count
        )
    return totals


@job
@only_when(may_help)
def rebalance_queues() -> str | None:
    """Move worker processes to the programs whose jobs wait, and back, as queues.toml allows.

    The run records each move and its reason, or why none can be made. Returns why this fleet cannot
    be rebalanced; None when it can. Raises FleetStartError or FleetStopError when a process does
    not start or end.
    """
    with recorded_run("maintenance.rebalance_queues", only_changes=True) as done:
        outcome = rebalance()
        done.notes.extend(outcome.moved)
        if outcome.refused:
            done.notes.append(f"nothing can be moved: {outcome.refused}")
        done.changes["processes moved"] = len(outcome.moved)
    return outcome.refused or None


@job
def remove_unused_pictures() -> int:
    """Delete pictures that nothing has pointed to for 30 days; return how many."""
    from jobs.maintenance.old_data import delete_unused_pictures  # noqa: PLC0415  # see above

    with recorded_run("maintenance.remove_unused_pictures") as done:
        done.changes["pictures deleted"] = delete_unused_pictures()
    return done.changes["pictures deleted"]


@job
@only_when(lambda: bool(images.incomplete(1)))
def complete_pictures() -> int:
    """Make the placeholders of some of the pictures that have none; return how many.

    Raises StoreError when the store cannot be written.
    """
    from jobs.maintenance.integrity import make_placeholders  # noqa: PLC0415  # brings mutagen

    with recorded_run("maintenance.complete_pictures", only_changes=True) as done:
        done.changes["placeholders made"] = make_placeholders()
    return done.changes["placeholders made"]


@job
def validate_system_integrity() -> dict[str, int]:
    """Check tables and picture store, repair what is safe to repair, and report the rest.

    Returns how many of what it repaired. Raises OSError when the store cannot be read.
    """
    from jobs.maintenance.integrity import validate  # noqa: PLC0415  # brings mutagen

    with recorded_run("maintenance.validate_system_integrity") as done:
        validate(done)
    return done.changes


@job
def cleanup_old_data() -> dict[str, int]:
    """Delete tracks missing for FLEET_FORGET_MISSING_DAYS, and files of the store without row.

    Returns how many of each. Raises SettingError, and OSError when the store cannot be changed.
    """
    from jobs.maintenance.old_data import clean_up  # noqa: PLC0415  # see above

    with recorded_run("maintenance.cleanup_old_data") as done:
        clean_up(done)
    return done.changes


@job
@only_when(reconciliation.is_grouping_due)
def group_again() -> int:
    """Group known tracks again, some folders at a time, after an upgrade brought other rules.

    Reads no file. Returns how many folders the next chunks have.
    """
    with recorded_run("maintenance.group_again", only_changes=True) as done:
        done.changes["folders to group again"] = reconciliation.group_again()
    return done.changes["folders to group again"]


_LONGEST_FORGETTING = 40.0
"""Seconds after which other maintenance has its turn; the next run goes on."""


@job
@only_when(lambda: bool(roots.being_forgotten()))
def forget_roots() -> int:
    """Delete what is left of the roots that are being forgotten; return how many tracks."""
    from db.maintenance import library_roots  # noqa: PLC0415  # see above

    with recorded_run("maintenance.forget_roots", only_changes=True) as done:
        done.changes["tracks forgotten"] = 0
        for root in roots.being_forgotten():
            done.changes["tracks forgotten"] += library_roots.forget(root, _LONGEST_FORGETTING)
    return done.changes["tracks forgotten"]


@job
def optimize_database() -> dict[str, int]:
    """Update the statistics of the query planner, and return free space to the disk.

    Returns how many tables and pages.
    """
    from db.maintenance import database_integrity  # noqa: PLC0415  # see above

    with recorded_run("maintenance.optimize_database") as done:
        found = database_integrity.optimize()
        done.changes.update({"tables analysed": found.tables, "pages freed": found.pages})
        if found.unreleased:
            done.notes.append(
                f"{found.unreleased:,} bytes are free inside the file, which an older musicfleet "
                "made — `fleet down`, then `sqlite3 library.db 'PRAGMA auto_vacuum=2; VACUUM'`"
            )
    return done.changes


@job
def backup() -> str | None:
    """Copy the database, and keep the newest FLEET_BACKUPS copies; return the path of the new one.

    With FLEET_BACKUPS=0 it does nothing and returns None. Raises BackupError and SettingError.
    """
    from db.maintenance import backups  # noqa: PLC0415  # see above

    with recorded_run("maintenance.backup") as done:
        if not (most := backups.kept()):
            return None
        made = backups.make()
        done.changes["copies made"] = 1
        done.changes["copies deleted"] = backups.rotate(most)
    return str(made)


@job
@only_when(notices.are_wanted)
def notify_owner() -> int:
    """Send the services of FLEET_NOTIFY a message of what the doctor finds and is not sent yet.

    Returns of how many things. Raises MessageError when no service takes it, and SettingError.
    """
    from worker.doctor.notices import record, send  # noqa: PLC0415  # brings the doctor

    with recorded_run("maintenance.notify_owner", only_changes=True) as done:
        if not notices.are_wanted():
            return 0
        record()
        sent = send()
        done.changes["notices sent"] = sent.notices
        done.notes.extend(filter(None, [sent.fault]))
    return sent.notices
