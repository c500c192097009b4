"""What a run of maintenance changed."""

from db.maintenance import maintenance_runs


def changed(job: str) -> dict[str, int]:
    """What the last run of this job changed, which ended well."""
    (run,) = maintenance_runs.history(f"maintenance.{job}", 1)
    assert run.fault is None
    return run.changes


def notes(job: str) -> list[str]:
    """What it explained."""
    (run,) = maintenance_runs.history(f"maintenance.{job}", 1)
    return run.notes
