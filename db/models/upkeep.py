"""What upkeep did: a row for each run of a job of `jobs.maintenance`."""

from peewee import AutoField, DateTimeField, FloatField, JSONField, TextField

from db.models.base import Table


class MaintenanceRun(Table):
    """One run of a job of upkeep; see `db.maintenance_runs`."""

    id = AutoField()
    job = TextField()
    """Such as `maintenance.optimize_database`."""
    started_at = DateTimeField()
    seconds = FloatField()
    changes = JSONField(default=dict)
    """What changed: how many, by a few words that say of what."""
    notes = JSONField(default=list)
    """Sentences that explain it: a list of text."""
    fault = TextField(null=True)
    """Why it ended half way; None when it did not."""

    class Meta:
        table_name = "maintenance_runs"
        indexes = ((("job", "started_at"), False),)
