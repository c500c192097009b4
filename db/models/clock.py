"""How far the clock has come: a row for each schedule of queues.toml."""

from peewee import DateTimeField, TextField

from db.models.base import Table


class ScheduleTime(Table):
    """How far a schedule has come; see `db.schedules`."""

    name = TextField(primary_key=True)
    cron = TextField()
    """Its times when the row was written: other ones begin anew."""
    seen_to = DateTimeField()
    """Every due moment up to here was seen to."""
    fired_at = DateTimeField(null=True)
    """When its job was last enqueued."""
    job_id = TextField(null=True)
    """The job that was."""

    class Meta:
        table_name = "schedule_times"
