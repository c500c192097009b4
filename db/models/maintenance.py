"""Times of schedules, maintenance runs, health reports, notices, and whose database it is."""

from peewee import (
    SQL,
    AutoField,
    DateField,
    DateTimeField,
    FloatField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import Table, utc_now


class ScheduleTime(Table):
    """How far a schedule has come; see `db.maintenance.maintenance_runs`."""

    name = TextField(primary_key=True)
    cron = TextField()
    """Its cron expression when the row was written: another one starts over."""
    seen_to = DateTimeField()
    """Every due time up to here has been handled."""
    fired_at = DateTimeField(null=True)
    """When its job was last enqueued."""
    job_id = TextField(null=True)
    """The job that was."""

    class Meta:
        table_name = "schedule_times"


class MaintenanceRun(Table):
    """One run of a maintenance job; see `db.maintenance.maintenance_runs`."""

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


class HealthReport(Table):
    """One day's report; see `db.maintenance.fleet_history`."""

    day = DateField(primary_key=True)
    """In local time."""
    made_at = DateTimeField(default=utc_now)
    queues = JSONField(default=list)
    """Of each queue a `db.maintenance.fleet_history.QueueDay`: a list, for jsonb keeps no order of
    names.
    """
    totals = JSONField(default=dict)
    """Jobs done and failed and their seconds by name, since Redis was empty: the next report
    takes the difference."""
    library = JSONField(default=list)
    """How many tracks, missing tracks, albums, artists and problems there are: [["tracks", 6]]."""
    work = JSONField(default=list)
    """What each kind of work still has to do, and failed at: [["album cover", 3, 1]]."""

    class Meta:
        table_name = "health_reports"


class Notice(Table):
    """Something that the owner is notified of, once; see `db.maintenance.notices`."""

    id = AutoField()
    about = TextField(index=True)
    """Its kind and what it is about, such as "program covers"."""
    text = TextField()
    remedy = TextField(default="")
    since = DateTimeField(default=utc_now)
    ended_at = DateTimeField(null=True)
    """When it was so no more; of what only happened, when the message was sent."""
    sent_at = DateTimeField(null=True)
    attempts = IntegerField(default=0)
    """How often sending failed."""
    due_at = DateTimeField(null=True)
    """Before which it is not tried again."""
    fault = TextField(null=True)
    """Why it could not be sent, or which service did not take it."""

    class Meta:
        table_name = "notices"


class FleetSample(Table):
    """How the fleet was at a moment; see `db.maintenance.fleet_history`."""

    at = IntegerField(primary_key=True)
    """Seconds since 1970."""
    queues = JSONField(default=dict)
    """Jobs by queue: [waiting, running, failed, done]."""
    library = JSONField(default=dict)
    memory = JSONField(default=dict)
    """Bytes by program."""

    class Meta:
        table_name = "samples"


GROUPING_RULES = 2
"""Raise it when known tracks would be grouped otherwise than before: all are grouped again then."""


class LibraryIdentity(Table):
    """One row: the random name of this library; see `db.sql.schema.library_id`."""

    id = IntegerField(primary_key=True)
    library = TextField()
    created_at = DateTimeField(default=utc_now)
    grouping_rules = IntegerField(default=GROUPING_RULES, constraints=[SQL("DEFAULT 0")])
    """The version of the rules by which all folders were grouped."""
    grouped_to = TextField(null=True)
    """The last folder that was asked for since the version is another; None: none yet."""

    class Meta:
        table_name = "library_identity"
