"""What was written outside the data folder because somebody asked for it."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    DateTimeField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import PathField, Table, utc_now


class WrittenFile(Table):
    """A file or folder that the fleet wrote; see `db.publishing.written_files`."""

    id = AutoField()
    path = PathField(unique=True)
    folder = PathField(index=True)
    """That holds it."""
    kind = TextField()
    """A `db.publishing.written_files.Kind`."""
    place = PathField(null=True, index=True)
    """The folder that was named for it; None for what lies in the library."""
    state = TextField()
    """writing, while it may or may not be there, or written."""
    digest = TextField()
    """SHA-256, in hex, of all bytes as they were written; empty for a folder."""
    size = BigIntegerField(default=0)
    mtime_ns = BigIntegerField(default=0)
    source = TextField(default="")
    """What it was made of: when that is the same, nothing is written again."""
    before = TextField(null=True)
    """SHA-256 of the bytes that were there before; None where nothing was."""
    before_mtime_ns = BigIntegerField(null=True)
    fields = JSONField(default=dict)
    """What was written into the tags: a text by field."""
    written_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "written_files"


class ExportRun(Table):
    """An export, or its undoing, that was asked for; see `db.publishing.export_runs`."""

    id = AutoField()
    kind = TextField()
    options = JSONField(default=dict)
    undo = BooleanField(default=False)
    started_at = DateTimeField(default=utc_now)
    finished_at = DateTimeField(null=True)
    fault = TextField(null=True)
    """Why it ended before its end; None when it did not."""
    total = IntegerField(null=True)
    """How many items it has; None until they were counted."""
    done = IntegerField(default=0)
    """How many of them it has gone through."""
    position = JSONField(null=True)
    """The last of them; None: it has just begun."""
    counts = JSONField(default=dict)
    """How many items ended in each way, by `db.publishing.export_runs.End`."""
    reasons = JSONField(default=list)
    """[why, how many, the first of them], of what was left out or failed."""

    class Meta:
        table_name = "exports"


ExportRun.add_index(ExportRun.index(ExportRun.id, where=ExportRun.finished_at.is_null()))
