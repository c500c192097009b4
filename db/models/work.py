"""The ledger, scans with their chunks, and problems."""

from peewee import (
    OP,
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    DateTimeField,
    Expression,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models.base import PathField, State, Table, utc_now


class LedgerRow(Table):
    """What an entity still needs, or how that need was settled."""

    id = AutoField()
    kind = TextField()
    entity_type = TextField()
    entity_id = IntegerField()
    state = TextField(default=State.TODO.value)
    reason = TextField(null=True)
    sources = JSONField(default=list)
    """Where it was looked for: a list of text."""
    attempt = IntegerField(default=0)
    lease = TextField(null=True)
    """The job that works on it."""
    lease_attempt = IntegerField(default=0)
    """Which attempt of that job."""
    leased_until = DateTimeField(null=True)
    look_again_at = DateTimeField(null=True)
    """When failed work, or a search that found nothing, is repeated; None: only on request."""
    cause = TextField(null=True)
    """What keeps it from being done, a `db.ledger.surroundings.Cause`; None: it is the item's."""
    place = TextField(null=True)
    """The library root or folder that lacks it; None where there is no such cause."""
    stage = TextField(null=True)
    """The job in which it was quarantined."""
    signal = TextField(null=True)
    """What ended the processes that worked on it: SIGSEGV, memory, timeout …"""
    path = TextField(null=True)
    """The file or folder that is quarantined."""

    class Meta:
        table_name = "ledger"
        indexes = ((("kind", "entity_type", "entity_id"), True),)


UNSETTLED = Expression(LedgerRow.state, OP.NOT_IN, SQL("('done', 'none')"))
"""Rows that are not settled for good: a query that says so itself finds them by their index."""
EMPTY_HANDED = Expression(LedgerRow.state, OP.EQ, SQL("'none'"))
"""Rows of searches that found nothing; in queries as `UNSETTLED`."""

# Partial, so that rows that are done, which nearly all are, cost nothing.
for _columns, _where in (
    ((LedgerRow.kind, LedgerRow.entity_type, LedgerRow.state, LedgerRow.id), UNSETTLED),
    ((LedgerRow.kind, LedgerRow.entity_type), EMPTY_HANDED),
    ((LedgerRow.lease,), LedgerRow.lease.is_null(False)),
    ((LedgerRow.state, LedgerRow.look_again_at), LedgerRow.look_again_at.is_null(False)),
    ((LedgerRow.cause, LedgerRow.place, LedgerRow.look_again_at), LedgerRow.cause.is_null(False)),
):
    LedgerRow.add_index(LedgerRow.index(*_columns, where=_where))


class LedgerSum(Table):
    """How many ledger rows are equal in this; triggers of the database keep it, see migration 019.

    Several rows may be of the same key: their sum counts.
    """

    id = AutoField()
    kind = TextField()
    entity_type = TextField()
    state = TextField()
    cause = TextField()
    """Empty where there is none, as `place`."""
    place = TextField()
    part = BigIntegerField(default=0)
    """The transaction of PostgreSQL that counted; 0 in SQLite, and for what was added up."""
    entities = IntegerField()

    class Meta:
        table_name = "ledger_sums"
        indexes = ((("kind", "entity_type", "state", "cause", "place", "part"), True),)


class Scan(Table):
    """A scan of a root, or of a part of it. It ends when the walk and every chunk are done."""

    id = AutoField()
    root = TextField()
    deep = BooleanField(default=False)
    scope = JSONField(null=True)
    """The part of the root that it covers, see `db.scanning.library_files`; None: all of it."""
    started_at = DateTimeField(default=utc_now)
    walked_at = DateTimeField(null=True)
    finished_at = DateTimeField(null=True)
    fault = TextField(null=True)
    """Why the scan ended without a result; None when it has one."""
    found = IntegerField(default=0)
    unchanged = IntegerField(default=0)
    missing = IntegerField(default=0)
    new = IntegerField(default=0)
    changed = IntegerField(default=0)
    moved = IntegerField(default=0)
    unreadable = IntegerField(default=0)
    pictures = IntegerField(null=True)
    """The picture files that it found; None of a scan before these were counted."""
    left_out = JSONField(null=True)
    """How many files and folders it did not take, by `db.scanning.library_files.LeftOut`."""
    former_root = TextField(null=True)
    """The folder, away by then, of which the scan found the files at their places below its own
    root: their tracks moved along."""
    mounts = JSONField(null=True)
    """The folders below its root on which other disks or shares with music are mounted, also those
    that are away just now; None of a scan of a part."""
    forgotten_at = DateTimeField(null=True)
    """Since when its root is forgotten: it is none, and its tracks go, until one of it begins."""

    class Meta:
        table_name = "scans"


class ScanChunk(Table):
    """A handful of files on their way from discovery to the tables."""

    id = AutoField()
    scan = ForeignKeyField(Scan, backref="chunks", on_delete="CASCADE", index=False)
    scan_id: int
    files = JSONField(default=list)
    """The `jobs.records.FoundFile` to read, as JSON."""
    regroup = JSONField(default=list)
    """Group folders whose tracks are to be regrouped."""
    split_folder = TextField(null=True)
    """The group folder when it was too large for one chunk."""
    file_count = IntegerField(default=0)
    failures = IntegerField(default=0)
    """How often a job of it failed for good."""
    again_at = DateTimeField(null=True)
    """Not before this time is a chunk that failed tried again."""
    done_at = DateTimeField(null=True)

    class Meta:
        table_name = "scan_chunks"
        indexes = ((("scan", "done_at", "file_count"), False),)


ScanChunk.add_index(ScanChunk.index(ScanChunk.id, where=ScanChunk.done_at.is_null()))


class Problem(Table):
    """A file that costs only itself, and why."""

    id = AutoField()
    path = PathField()
    stage = TextField()
    code = TextField()
    """A `jobs.records.ProblemCode`."""
    message = TextField()
    size = BigIntegerField(null=True)
    mtime_ns = BigIntegerField(null=True)
    reader = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    """Of a file that could not be read, as `tracks.reader`."""
    first_seen = DateTimeField(default=utc_now)
    last_seen = DateTimeField(default=utc_now)

    class Meta:
        table_name = "problems"
        indexes = ((("path", "stage"), True),)
