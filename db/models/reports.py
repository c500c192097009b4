"""The daily reports of how the fleet fared."""

from peewee import DateField, DateTimeField, JSONField

from db.models.base import Table, utc_now


class HealthReport(Table):
    """One day's report; see `db.health_reports`."""

    day = DateField(primary_key=True)
    """In local time."""
    made_at = DateTimeField(default=utc_now)
    queues = JSONField(default=dict)
    """By name of the queue, a `db.health_reports.QueueDay` without its name."""
    totals = JSONField(default=dict)
    """Jobs done and failed and their seconds by name, since Redis was empty: the next report
    takes the difference."""
    library = JSONField(default=dict)
    """How many tracks, missing tracks, albums, artists and problems there are."""
    work = JSONField(default=dict)
    """What each kind of work still has to do, and failed at: {"album cover": [3, 1]}."""

    class Meta:
        table_name = "health_reports"
