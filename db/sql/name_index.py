"""The index of names: which tracks, albums and artists have some letters next to each other in it.

It holds every three letters that follow each other in a name without case and accents. PostgreSQL
has an index of arrays for it, see migration 027. SQLite has a table beside each of ours, of FTS5
with its trigrams, and triggers keep it, whoever writes; where SQLite has no FTS5, or one before
3.34, search reads all names.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from peewee import SQL, Expression, fn
from peewee import Table as PlainTable

from db.models import Artist, database
from db.sql.connection import is_sqlite, transaction
from db.sql.folding import fold, fold_on_postgresql, letters
from db.sql.queries import among, slices, tuples

NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "tracks": ("{0}title", ("title",)),
    "albums": (
        "COALESCE({0}title, '') || ' ' || COALESCE({0}album_artist, '')",
        ("title", "album_artist"),
    ),
    "artists": ("{0}name || ' ' || COALESCE({0}sort_name, '')", ("name", "sort_name")),
    "artist_names": ("{0}key", ("key",)),
}
"""By table what a name is, in SQL, with `{0}` before each column, and the columns."""
_LETTERS = 3
_OLDEST = (3, 34)
_WILD = str.maketrans({each: f"[{each}]" for each in "*?["})


def keep_index() -> None:
    """Make the index where it is not, and leave it where this SQLite cannot keep it."""
    if not is_sqlite():
        return
    missing = NAMES.keys() - _indexed()
    if not _has_trigrams():
        for table in NAMES.keys() - missing:
            _drop_triggers(table)
        return
    for table in sorted(missing):
        with transaction():
            for statement in _making(table):
                database.execute_sql(statement)


def is_kept() -> bool:
    """Whether search goes by the index."""
    return not is_sqlite() or NAMES.keys() == _indexed()


_LONGEST = 1_000
"""Letters of a name by which it is found: to take apart one of n takes the square of n."""


def functions_on_postgresql() -> Iterator[str]:
    """The statements that make the functions of names.

    An index is built where no schema but PostgreSQL's own is found: so none calls another.
    """
    known = "RETURNS {} LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS"
    make, fold_ = "CREATE OR REPLACE FUNCTION", fold_on_postgresql()
    yield f"{make} fold(text) {known.format('text')} $$ SELECT {fold_} $$"
    plain = f"REGEXP_REPLACE({fold_}, '[^[:alnum:]]', '', 'g')"
    either = f"COALESCE(NULLIF({plain}, ''), {fold_})"
    yield f"{make} letters(text) {known.format('text')} $$ SELECT {either} $$"
    yield (
        f"{make} trigrams(text) {known.format('text[]')} $$ "  # noqa: S608
        "SELECT ARRAY(SELECT DISTINCT SUBSTR(folded, start, 3) "
        f"FROM SUBSTR({fold_}, 1, {_LONGEST}) AS folded, "
        "generate_series(1, LENGTH(folded) - 2) AS start) $$"
    )


def named(model: Any, words: Sequence[str]) -> Any:  # a query
    """A query of ids and names of the rows whose name has each of these words in it."""
    table = model._meta.table_name
    name = SQL(_name(table, '"t1".'))  # peewee's alias of what is selected from
    query = model.select(model.id, name)
    if not is_sqlite():
        return query.where(*_on_postgresql(name, words))
    text: Any = fn.FOLD(name)
    if table in _indexed():
        names = PlainTable(f"search_{table}")
        query = query.join(names, on=names.c.rowid == model.id)
        text = names.c.folded
    return query.where(*(_has(text, fold(word) or "") for word in words))


_LONGEST_KEY = 200
_DIGITS = re.compile("[0-9a-f]{32}")


def artists_called(names: Iterable[str]) -> set[int]:
    """The artists whose names, sort names or MusicBrainz ids have these letters and digits.

    Perhaps some too many, for accents and what comes after 200 letters do not count.
    """
    found: set[int] = set()
    for part in slices(sorted(set(names))):
        keys = _letters_of(part)
        ids = [str(UUID(each)) for each in part if _DIGITS.fullmatch(each)]
        called = among(Artist.name_letters, keys) | among(Artist.sort_letters, keys)
        query = Artist.select(Artist.id).where(called | among(Artist.musicbrainz_id, ids))
        found.update(artist_id for (artist_id,) in tuples(query))
    return found


def _letters_of(names: Sequence[str]) -> list[str]:
    """As the database has them of artists: PostgreSQL has its own function for it."""
    if is_sqlite():
        return [(letters(name) or "")[:_LONGEST_KEY] for name in names]
    asked = "SELECT SUBSTR(LETTERS(name), 1, %s) FROM UNNEST(%s::TEXT[]) AS name"
    rows = database.execute_sql(asked, (_LONGEST_KEY, list(names))).fetchall()
    return [key for (key,) in rows]


def _has(text: Any, word: str) -> Any:  # an expression
    """What FTS5 finds by its index; a word of fewer letters it would not find there."""
    if len(word) < _LETTERS:
        return fn.INSTR(text, word) > 0
    return text % f"*{word.translate(_WILD)}*"  # GLOB


def _on_postgresql(name: SQL, words: Sequence[str]) -> Iterator[Expression]:
    """PostgreSQL has its own way to fold, for what is asked too."""
    for word in words:
        if len(word) >= _LETTERS:
            yield Expression(fn.TRIGRAMS(name), "@>", SQL("TRIGRAMS(%s)", (word,)))
        yield fn.STRPOS(fn.FOLD(name), SQL("FOLD(%s)", (word,))) > 0


def _name(table: str, row: str) -> str:
    return NAMES[table][0].format(row)


def _indexed() -> set[str]:
    """The tables whose names SQLite keeps in the index."""
    found = database.execute_sql(
        "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'search_%_came'"
    )
    return {table for (table,) in found.fetchall()}


def _has_trigrams() -> bool:
    modules = "SELECT COUNT(*) FROM pragma_module_list WHERE name = 'fts5'"
    return sqlite3.sqlite_version_info >= _OLDEST and bool(
        database.execute_sql(modules).fetchone()[0]
    )


def _drop_triggers(table: str) -> None:
    for event in ("came", "went", "changed"):
        database.execute_sql(f"DROP TRIGGER IF EXISTS search_{table}_{event}")


def _making(table: str) -> Iterator[str]:
    """The statements that index what is there, and what is to come."""
    index, (_, columns) = f"search_{table}", NAMES[table]
    add = f"INSERT INTO {index} (rowid, folded) "  # constants, as below
    new = f"{add}VALUES (NEW.id, FOLD({_name(table, 'NEW.')}));"
    old = f"DELETE FROM {index} WHERE rowid = OLD.id;"  # noqa: S608
    differs = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in columns)
    yield (
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {index} "
        "USING fts5(folded, tokenize = 'trigram', detail = 'none', columnsize = 0)"
    )
    yield f"DELETE FROM {index}"  # noqa: S608
    yield f"{add}SELECT id, FOLD({_name(table, '')}) FROM {table}"  # noqa: S608
    yield f"CREATE TRIGGER {index}_went AFTER DELETE ON {table} BEGIN {old} END"
    yield (
        f"CREATE TRIGGER {index}_changed AFTER UPDATE OF {', '.join(columns)} ON {table} "
        f"WHEN {differs} BEGIN {old} {new} END"
    )
    yield f"CREATE TRIGGER {index}_came AFTER INSERT ON {table} BEGIN {new} END"
