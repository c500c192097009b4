"""The daily reports of how the fleet fared."""

from peewee import DateField, DateTimeField, JSONField

from db.models.base import Table, utc_now


class HealthReport(Table):
    """One day's report; see `db.health_reports`."""

    day = DateField(primary_key=True)
    """In local time."""
    made_at = DateTimeField(default=utc_now)
    queues = JSONField(default=list)
    """Of each queue a `db.health_reports.QueueDay`: a list, for jsonb keeps no order of names."""
    totals = JSONField(default=dict)
    """Jobs done and failed and their seconds by name, since Redis was empty: the next report
    takes the difference."""
    library = JSONField(default=list)
    """How many tracks, missing tracks, albums, artists and problems there are: [["tracks", 6]]."""
    work = JSONField(default=list)
    """What each kind of work still has to do, and failed at: [["album cover", 3, 1]]."""

    class Meta:
        table_name = "health_reports"
