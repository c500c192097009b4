"""Pages of albums are found without counting tracks: albums know how many of theirs are there.

Triggers keep `albums.present`, whoever writes. By peewee-migrate.
"""

import peewee as pw
from peewee_migrate import Migrator

_INDEXES = {
    "album_added_at_id": '"albums" ("added_at", "id") WHERE ("present" > 0)',
    "album_year": '"albums" (SUBSTR(COALESCE("original_date", "date"), 1, 4))',
    "cover_entity_type_role_source": '"covers" ("entity_type", "role", "source") '
    "WHERE (entity_type = 'album') AND (role = 'front')",
}


_OF_NONE = '"ledger" ("kind", "entity_type"{}) WHERE ("state" = \'none\')'


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    migrator.sql('DROP INDEX "ledgerrow_kind_entity_type_reason"')
    migrator.sql(f'CREATE INDEX "ledgerrow_kind_entity_type" ON {_OF_NONE.format("")}')
    migrator.sql('ALTER TABLE "albums" ADD COLUMN "present" INTEGER NOT NULL DEFAULT 0')
    migrator.sql(
        "UPDATE albums SET present = (SELECT COUNT(*) FROM tracks "
        "WHERE tracks.album_id = albums.id AND tracks.missing_since IS NULL)"
    )
    for name, columns in _INDEXES.items():
        migrator.sql(f'CREATE INDEX "{name}" ON {columns}')
    for statement in _on_sqlite() if _is_sqlite(database) else _on_postgresql():
        migrator.sql(statement)


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    is_sqlite = _is_sqlite(database)
    for name in ("came", "went", "changed"):
        migrator.sql(f"DROP TRIGGER track_{name}" + ("" if is_sqlite else " ON tracks"))
    if not is_sqlite:
        migrator.sql("DROP FUNCTION count_present()")
    for name in _INDEXES:
        migrator.sql(f'DROP INDEX "{name}"')
    migrator.sql('ALTER TABLE "albums" DROP COLUMN "present"')
    migrator.sql('DROP INDEX "ledgerrow_kind_entity_type"')
    reason = _OF_NONE.format(', "reason"')
    migrator.sql(f'CREATE INDEX "ledgerrow_kind_entity_type_reason" ON {reason}')


def _is_sqlite(database):
    return isinstance(getattr(database, "obj", database), pw.SqliteDatabase)


def _on_sqlite():
    more, fewer = (
        f"UPDATE albums SET present = present + ({step}) "  # noqa: S608
        f"WHERE id = {row}.album_id AND {row}.missing_since IS NULL;"
        for row, step in (("NEW", 1), ("OLD", -1))
    )
    yield f"CREATE TRIGGER track_came AFTER INSERT ON tracks BEGIN {more} END"
    yield f"CREATE TRIGGER track_went AFTER DELETE ON tracks BEGIN {fewer} END"
    yield (
        "CREATE TRIGGER track_changed AFTER UPDATE OF album_id, missing_since ON tracks "
        "WHEN NEW.album_id IS NOT OLD.album_id "
        "OR (NEW.missing_since IS NULL) <> (OLD.missing_since IS NULL) "
        f"BEGIN {fewer} {more} END"
    )


def _on_postgresql():
    """A statement counts all that it changed at once, and takes the albums in their order."""
    steps = {
        "INSERT": "SELECT album_id, missing_since, 1 AS step FROM come",
        "DELETE": "SELECT album_id, missing_since, -1 AS step FROM went",
    }
    steps["UPDATE"] = f"{steps['INSERT']} UNION ALL {steps['DELETE']}"
    branches = "".join(
        f"IF TG_OP = '{operation}' THEN FOR each IN SELECT album_id, SUM(step) AS step "  # noqa: S608
        f"FROM ({rows}) AS every WHERE album_id IS NOT NULL AND missing_since IS NULL "
        "GROUP BY album_id HAVING SUM(step) <> 0 ORDER BY album_id LOOP "
        "UPDATE albums SET present = present + each.step WHERE id = each.album_id; "
        "END LOOP; END IF; "
        for operation, rows in steps.items()
    )
    yield (
        "CREATE FUNCTION count_present() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ DECLARE each RECORD; BEGIN {branches} RETURN NULL; END $$"
    )
    for name, operation, tables in (
        ("came", "INSERT", "NEW TABLE AS come"),
        ("went", "DELETE", "OLD TABLE AS went"),
        ("changed", "UPDATE", "OLD TABLE AS went NEW TABLE AS come"),
    ):
        yield (
            f"CREATE TRIGGER track_{name} AFTER {operation} ON tracks REFERENCING {tables} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_present()"
        )
