"""Lists are sorted by indexes, and on PostgreSQL names found by the letters in them.

Triggers keep `sort_key` and `artist_key`, whoever writes: `fold` is a function of ours on SQLite
and one of SQL on PostgreSQL. What SQLite searches by is made by `db.sql.name_index`. By
peewee-migrate.
"""

import peewee as pw
from peewee_migrate import Migrator

from db.sql.name_index import NAMES, functions_on_postgresql

_KEYS = {
    "albums": {
        "sort_key": "FOLD(COALESCE({0}sort_title, {0}title))",
        "artist_key": "FOLD({0}album_artist)",
    },
    "artists": {
        "sort_key": "FOLD(COALESCE({0}sort_name, {0}name))",
        "name_letters": "LETTERS({0}name)",
        "sort_letters": "LETTERS({0}sort_name)",
    },
}
"""By table each key, and what it is made of."""
_COLUMNS = {"albums": ("title", "sort_title", "album_artist"), "artists": ("name", "sort_name")}
_YEAR = 'SUBSTR(COALESCE("original_date", "date", \'\'), 1, 4)'
_FORMER_YEAR = 'SUBSTR(COALESCE("original_date", "date"), 1, 4)'
_INDEXES = {
    "album_sort_key_id": '"albums" ("sort_key", "id") WHERE ("present" > 0)',
    "album_artist_key": f'"albums" ("artist_key", {_YEAR}, "sort_key", "id") WHERE "present" > 0',
    "album_year": f'"albums" ({_YEAR} DESC, "sort_key", "id") WHERE "present" > 0',
    "artist_sort_key_id": '"artists" ("sort_key", "id")',
    "artist_name_letters": '"artists" ("name_letters")',
    "artist_sort_letters": '"artists" ("sort_letters")',
    "artist_musicbrainz_id": '"artists" ("musicbrainz_id")',
}


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    is_sqlite = _is_sqlite(database)
    if not is_sqlite:
        for statement in functions_on_postgresql():
            migrator.sql(statement)
    for table, keys in _KEYS.items():
        for key in keys:
            migrator.sql(f'ALTER TABLE "{table}" ADD COLUMN "{key}" TEXT')
        migrator.sql(f"UPDATE {table} SET {_assigned(keys, '')}")  # noqa: S608
        for statement in (_on_sqlite if is_sqlite else _on_postgresql)(table, keys):
            migrator.sql(statement)
    migrator.sql('DROP INDEX "album_year"')
    for name, columns in _INDEXES.items():
        migrator.sql(f'CREATE INDEX "{name}" ON {columns}')
    if not is_sqlite:
        for table, (name, _) in NAMES.items():
            migrator.sql(
                f"CREATE INDEX search_{table} ON {table} USING gin (trigrams({name.format('')}))"
            )


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    is_sqlite = _is_sqlite(database)
    for name in _INDEXES:
        migrator.sql(f'DROP INDEX "{name}"')
    migrator.sql(f'CREATE INDEX "album_year" ON "albums" ({_FORMER_YEAR})')
    for table, keys in _KEYS.items():
        for event in ("came", "renamed"):
            where = "" if is_sqlite else f" ON {table}"
            migrator.sql(f"DROP TRIGGER IF EXISTS sort_{table}_{event}{where}")
        for key in keys:
            migrator.sql(f'ALTER TABLE "{table}" DROP COLUMN "{key}"')
    if is_sqlite:
        return
    for table in NAMES:
        migrator.sql(f"DROP INDEX search_{table}")
    for name in (
        "sort_albums()",
        "sort_artists()",
        "trigrams(text)",
        "letters(text)",
        "fold(text)",
    ):
        migrator.sql(f"DROP FUNCTION {name}")


def _is_sqlite(database):
    return isinstance(getattr(database, "obj", database), pw.SqliteDatabase)


def _value(text, row):
    """An entry of PostgreSQL's indexes has at most 2,704 bytes."""
    return f"SUBSTR({text.format(row)}, 1, 200)"


def _assigned(keys, row):
    return ", ".join(f"{key} = {_value(text, row)}" for key, text in keys.items())


def _on_sqlite(table, keys):
    columns = _COLUMNS[table]
    update = f"UPDATE {table} SET {_assigned(keys, 'NEW.')} WHERE id = NEW.id;"  # noqa: S608
    named = " OR ".join(f"NEW.{name} IS NOT NULL" for name in columns)
    differs = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in columns)
    yield (
        f"CREATE TRIGGER sort_{table}_came AFTER INSERT ON {table} WHEN {named} BEGIN {update} END"
    )
    yield (
        f"CREATE TRIGGER sort_{table}_renamed AFTER UPDATE OF {', '.join(columns)} ON {table} "
        f"WHEN {differs} BEGIN {update} END"
    )


def _on_postgresql(table, keys):
    columns = ", ".join(_COLUMNS[table])
    steps = " ".join(f"NEW.{key} := {_value(text, 'NEW.')};" for key, text in keys.items())
    yield (
        f"CREATE FUNCTION sort_{table}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {steps} RETURN NEW; END $$"
    )
    yield (
        f"CREATE TRIGGER sort_{table}_came BEFORE INSERT OR UPDATE OF {columns} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION sort_{table}()"
    )
