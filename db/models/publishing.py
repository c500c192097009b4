"""What was written outside the data folder because somebody asked for it."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import PathField, Table, utc_now
from db.models.users import User


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


class KnownServer(Table):
    """A music server of the user's that playlists are pushed to; see `db.publishing.servers`."""

    id = AutoField()
    name = TextField(unique=True)
    kind = TextField()
    url = TextField()
    login = TextField(default="")
    """The user there; empty where a key says who it is."""
    is_key = BooleanField(default=False)
    """Whether the secret is a key of the API, not a password."""
    secret = TextField()
    """Encrypted with a key of the run folder."""
    folders = JSONField(default=list)
    """[a folder of theirs, what it is called here], of several."""
    lists = JSONField(default=list)
    """The `db.publishing.servers.Lists` that it gets."""
    listener = ForeignKeyField(User, null=True, on_delete="SET NULL", index=False)
    listener_id: int | None
    """The user of ours whose playlists and stars count."""
    scans = BooleanField(default=True)
    """Whether it is asked for a scan after one of ours."""
    pictures = BooleanField(default=False)
    """Whether it gets pictures that it lacks."""
    due_at = DateTimeField(null=True)
    """When playlists are pushed next."""
    tried_at = DateTimeField(null=True)
    """When a push last ended, well or not."""
    pushed_at = DateTimeField(null=True)
    """When one last ended well."""
    fault = TextField(null=True)
    """Why the last one did not."""
    outcome = JSONField(default=dict)
    """What the last one did, see `db.publishing.servers.Outcome`."""
    scanned_to = IntegerField(default=0)
    """The last scan of ours after which it was asked for one."""

    class Meta:
        table_name = "music_servers"


class PushedList(Table):
    """A playlist of ours on a music server."""

    id = AutoField()
    server = ForeignKeyField(KnownServer, on_delete="CASCADE", index=False)
    source = TextField()
    """What it is made of: cluster:3, mood:calm, own:7 …"""
    name = TextField()
    their_id = TextField(null=True)
    """Its id there; None while it is being made."""
    before = JSONField(default=list)
    """The ids of the playlists of its name that were there before it was made."""
    songs = JSONField(default=list)
    """The ids of the songs that were written, in order."""
    missed = IntegerField(default=0)
    """How many tracks of ours were not found there."""
    kept = TextField(null=True)
    """Why it is written no more: its user changed or deleted it there; None while it is."""
    pushed_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "pushed_playlists"
        indexes = ((("server", "source"), True),)


class PushedPicture(Table):
    """A picture of ours on a music server."""

    id = AutoField()
    server = ForeignKeyField(KnownServer, on_delete="CASCADE", index=False)
    their_id = TextField()
    """Of the album or artist there."""
    role = TextField()
    digest = TextField()
    """Of the picture in our store."""
    sent = TextField()
    """Of the bytes that were sent: those of a thumbnail, where the picture is large."""
    mark = TextField(null=True)
    """What the server knows it by; None while it is being written."""
    kept = TextField(null=True)
    """Why it is written no more: its user replaced or deleted it there; None while it is."""
    pushed_at = DateTimeField(default=utc_now)

    class Meta:
        table_name = "pushed_pictures"
        indexes = ((("server", "their_id", "role"), True),)
