"""What is asked every minute is found without reading whole tables. By peewee-migrate.

`ledger_sums` counts the rows of the ledger. Triggers keep it, whoever writes: SQLite counts up and
down in place, row by row; in PostgreSQL transactions would wait for each other at such a row, so
each has rows of its own, and `db.ledger.sums` adds them up from time to time.
"""

import peewee as pw
from peewee_migrate import Migrator

_INDEXES = {
    "ledgerrow_kind_entity_type_state_id": '"ledger" ("kind", "entity_type", "state", "id") '
    "WHERE (\"state\" NOT IN ('done', 'none'))",
    "ledgerrow_kind_entity_type_reason": '"ledger" ("kind", "entity_type", "reason") '
    "WHERE (\"state\" = 'none')",
    "ledgerrow_lease": '"ledger" ("lease") WHERE ("lease" IS NOT NULL)',
    "ledgerrow_state_look_again_at": '"ledger" ("state", "look_again_at") '
    'WHERE ("look_again_at" IS NOT NULL)',
    "ledgerrow_cause_place_look_again_at": '"ledger" ("cause", "place", "look_again_at") '
    'WHERE ("cause" IS NOT NULL)',
    "scanchunk_scan_id_done_at_file_count": '"scan_chunks" ("scan_id", "done_at", "file_count")',
    "track_size": '"tracks" ("size") WHERE ("missing_since" IS NOT NULL)',
    "scanchunk_id": '"scan_chunks" ("id") WHERE ("done_at" IS NULL)',
}
_FORMER = {
    "ledgerrow_kind_entity_type_state": '"ledger" ("kind", "entity_type", "state")',
    "ledgerrow_lease": '"ledger" ("lease")',
    "ledgerrow_cause_place": '"ledger" ("cause", "place") WHERE ("cause" IS NOT NULL)',
    "scanchunk_scan_id": '"scan_chunks" ("scan_id")',
    "scanchunk_scan_id_done_at": '"scan_chunks" ("scan_id", "done_at")',
    "trackartist_track_id": '"track_artists" ("track_id")',
    "trackgenre_track_id": '"track_genres" ("track_id")',
    "embeddedpicture_track_id": '"embedded_pictures" ("track_id")',
    "albumartist_album_id": '"album_artists" ("album_id")',
    "artistpicture_artist_id": '"artist_pictures" ("artist_id")',
}
"""Those of one column are the beginnings of others, which serve for them."""
_COLUMNS = ("kind", "entity_type", "state", "cause", "place")
_INTO_SUMS = f"INSERT INTO ledger_sums ({', '.join(_COLUMNS)}, part, entities)"
_ON_CONFLICT = f"ON CONFLICT ({', '.join(_COLUMNS)}, part) DO UPDATE SET entities ="


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class LedgerSum(pw.Model):
        id = pw.AutoField()
        kind = pw.TextField()
        entity_type = pw.TextField()
        state = pw.TextField()
        cause = pw.TextField()
        place = pw.TextField()
        part = pw.BigIntegerField()
        entities = pw.IntegerField()

        class Meta:
            table_name = "ledger_sums"
            indexes = [(("kind", "entity_type", "state", "cause", "place", "part"), True)]

    _replace_indexes(migrator, _FORMER, _INDEXES)
    grouped = ", ".join(_key(""))
    migrator.sql(f"{_INTO_SUMS} SELECT {grouped}, 0, COUNT(*) FROM ledger GROUP BY {grouped}")  # noqa: S608
    is_sqlite = isinstance(getattr(database, "obj", database), pw.SqliteDatabase)
    for statement in _on_sqlite() if is_sqlite else _on_postgresql():
        migrator.sql(statement)


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    is_sqlite = isinstance(getattr(database, "obj", database), pw.SqliteDatabase)
    for name in ("added", "gone", "changed"):
        migrator.sql(f"DROP TRIGGER ledger_{name}" + ("" if is_sqlite else " ON ledger"))
    if not is_sqlite:
        migrator.sql("DROP FUNCTION count_ledger()")
    _replace_indexes(migrator, _INDEXES, _FORMER)
    migrator.remove_model("ledger_sums")


def _replace_indexes(migrator, old, new):
    for name in old:
        migrator.sql(f'DROP INDEX "{name}"')
    for name, columns in new.items():
        migrator.sql(f'CREATE INDEX "{name}" ON {columns}')


def _key(row):
    return [
        f"COALESCE({row}{name}, '')" if name in {"cause", "place"} else f"{row}{name}"
        for name in _COLUMNS
    ]


def _on_sqlite():
    more, fewer = _count_in_place("NEW.", 1), _count_in_place("OLD.", -1)
    differs = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _COLUMNS)
    yield f"CREATE TRIGGER ledger_added AFTER INSERT ON ledger BEGIN {more} END"
    yield f"CREATE TRIGGER ledger_gone AFTER DELETE ON ledger BEGIN {fewer} END"
    yield (
        f"CREATE TRIGGER ledger_changed AFTER UPDATE OF {', '.join(_COLUMNS)} ON ledger "
        f"WHEN {differs} BEGIN {fewer} {more} END"
    )


def _count_in_place(row, step):
    values = ", ".join(_key(row))
    return f"{_INTO_SUMS} VALUES ({values}, 0, {step}) {_ON_CONFLICT} entities + ({step});"


def _on_postgresql():
    columns = ", ".join(_key(""))
    branches = "".join(
        f"IF TG_OP {operations} THEN {_INTO_SUMS} "  # noqa: S608
        f"SELECT {columns}, txid_current(), SUM(step) FROM ({rows}) AS every "
        f"GROUP BY {columns} HAVING SUM(step) <> 0 "
        f"{_ON_CONFLICT} ledger_sums.entities + EXCLUDED.entities; END IF; "
        for operations, rows in (
            ("= 'INSERT'", "SELECT *, 1 AS step FROM come"),
            ("= 'DELETE'", "SELECT *, -1 AS step FROM went"),
            (
                "= 'UPDATE'",
                "SELECT *, 1 AS step FROM come UNION ALL SELECT *, -1 AS step FROM went",
            ),
        )
    )
    yield (
        "CREATE FUNCTION count_ledger() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {branches} RETURN NULL; END $$"
    )
    for name, operation, tables in (
        ("added", "INSERT", "NEW TABLE AS come"),
        ("gone", "DELETE", "OLD TABLE AS went"),
        ("changed", "UPDATE", "OLD TABLE AS went NEW TABLE AS come"),
    ):
        yield (
            f"CREATE TRIGGER ledger_{name} AFTER {operation} ON ledger REFERENCING {tables} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_ledger()"
        )
