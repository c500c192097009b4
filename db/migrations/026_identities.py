"""Artists and genres are identities, not spellings: ids and keys say who is who.

Artists are joined or taken apart as files name them, by MusicBrainz id where there is one, and else
by a key that leaves out case and typography; the rules are those of `db.library.spellings`. The one
for whom a picture was chosen keeps its row, else the oldest, and gets choices and facts of the
others. By peewee-migrate.
"""

import json
import unicodedata
from collections import Counter, defaultdict
from hashlib import sha256

import peewee as pw
from peewee_migrate import Migrator

_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        "\u2026": "...",
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff"),
    }
)
_NIL = "00000000-0000-0000-0000-000000000000"
_AT_ONCE = 5_000
_MOST_INDEXED = 2_000
_LINKS = (("track_artists", "track_id"), ("album_artists", "album_id"))
_ABOUT_TRACKS = ("picture", "cover", "vector", "enrichment")
_KINDS = (*_ABOUT_TRACKS, "remote")
"""Of the needs of artists."""
_ABOUT = ("ledger", "covers", "chosen_images", "vectors", "facts")
_NEW_COLUMNS = (
    ("track_artists", "spelling", "INTEGER"),
    ("album_artists", "spelling", "INTEGER"),
    ("track_genres", "spelling", "INTEGER"),
    ("tracks", "artist_credit", "TEXT"),
    ("tracks", "album_artist_credit", "TEXT"),
)


def migrate(migrator: Migrator, database: pw.Database, *, fake=False):
    @migrator.create_model
    class ArtistName(pw.Model):
        id = pw.AutoField()
        artist = pw.ForeignKeyField(
            migrator.orm["artists"], column_name="artist_id", on_delete="CASCADE", index=False
        )
        name = pw.TextField()
        key = pw.TextField(index=True)
        by_id = pw.BooleanField(default=False)
        tracks = pw.IntegerField(default=0)
        albums = pw.IntegerField(default=0)

        class Meta:
            table_name = "artist_names"
            indexes = [(("artist", "name", "by_id"), True)]

    @migrator.create_model
    class GenreName(pw.Model):
        id = pw.AutoField()
        genre = pw.ForeignKeyField(
            migrator.orm["genres"], column_name="genre_id", on_delete="CASCADE", index=False
        )
        name = pw.TextField()
        tracks = pw.IntegerField(default=0)

        class Meta:
            table_name = "genre_names"
            indexes = [(("genre", "name"), True)]

    for table, column, kind in _NEW_COLUMNS:
        migrator.sql(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')
    for table in ("artists", "genres"):
        migrator.sql(f'ALTER TABLE "{table}" ADD COLUMN "key" TEXT')
        migrator.sql(f'DROP INDEX "{table[:-1]}_name"')
    migrator.run(_fill_genres, database)
    migrator.run(_fill_artists, database)
    for table in ("artists", "genres"):
        migrator.sql(f'CREATE UNIQUE INDEX "{table[:-1]}_key" ON "{table}" ("key")')


def rollback(migrator: Migrator, database: pw.Database, *, fake=False):
    for table in ("artists", "genres"):
        migrator.sql(f'DROP INDEX "{table[:-1]}_key"')
    namesake = (
        "EXISTS (SELECT 1 FROM artists AS a WHERE a.name = artists.name AND a.id < artists.id)"
    )
    migrator.sql(
        "UPDATE artists SET name = name || ' (' || COALESCE(musicbrainz_id, key) || ')' "  # noqa: S608
        f"WHERE {namesake}"
    )
    for table in ("artists", "genres"):
        migrator.sql(f'ALTER TABLE "{table}" DROP COLUMN "key"')
        migrator.sql(f'CREATE UNIQUE INDEX "{table[:-1]}_name" ON "{table}" ("name")')
    for table, column, _ in _NEW_COLUMNS:
        migrator.sql(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
    migrator.remove_model("artist_names")
    migrator.remove_model("genre_names")


def _name_key(name):
    plain = unicodedata.normalize("NFC", name).translate(_TYPOGRAPHY).casefold()
    key = " ".join(unicodedata.normalize("NFC", plain).split()) or name
    data = key.encode()
    return key if len(data) <= _MOST_INDEXED else f"digest:{sha256(data).hexdigest()}"


class _Tables:
    """Rows of the database, with the marks of its kind."""

    def __init__(self, database):
        self._database = database
        is_sqlite = isinstance(getattr(database, "obj", database), pw.SqliteDatabase)
        self._mark = "?" if is_sqlite else "%s"

    def rows(self, query, *values):
        return self._database.execute_sql(query.replace("?", self._mark), values).fetchall()

    def execute(self, statement):
        self._database.execute_sql(statement)

    def run(self, statement, rows):
        rows = list(rows)
        if rows:
            self._database.cursor().executemany(statement.replace("?", self._mark), rows)

    def tracks(self, columns, link):
        """The rows of a link by track, some thousands at a time."""
        ((last,),) = self.rows("SELECT COALESCE(MAX(id), 0) FROM tracks")
        for first in range(0, last + 1, _AT_ONCE):
            yield from self.rows(
                f"SELECT {columns} FROM tracks AS t {link} "  # noqa: S608
                "WHERE t.id >= ? AND t.id < ? ORDER BY t.id",
                first,
                first + _AT_ONCE,
            )


def _fill_genres(database):
    tables = _Tables(database)
    uses = dict(tables.rows("SELECT genre_id, COUNT(*) FROM track_genres GROUP BY genre_id"))
    of_key = defaultdict(list)
    for genre_id, name in tables.rows("SELECT id, name FROM genres ORDER BY id"):
        of_key[_name_key(name)].append((genre_id, name))
    spelt = [
        (number, spellings[0][0], old, name)
        for number, (spellings, old, name) in enumerate(
            ((each, old, name) for each in of_key.values() for old, name in each), start=1
        )
    ]
    tables.run(
        "INSERT INTO genre_names (id, genre_id, name, tracks) VALUES (?, ?, ?, ?)",
        [(number, new, name, uses.get(old, 0)) for number, new, old, name in spelt],
    )
    _move_sequence(database, "genre_names")
    _map(tables, "genre", "track_genres", [(old, new, number) for number, new, old, _ in spelt])
    tables.run(
        "DELETE FROM genres WHERE id = ?", [(old,) for _, new, old, _ in spelt if old != new]
    )
    shown = []
    for key, spellings in of_key.items():
        name = min(spellings, key=lambda each: (-uses.get(each[0], 0), each[1]))[1]
        shown.append((key, name, spellings[0][0]))
    tables.run("UPDATE genres SET key = ?, name = ? WHERE id = ?", shown)


def _map(tables, what, link, moves):
    """Point the rows of a link elsewhere: the old id, the new one, and how it is spelt."""
    tables.execute(
        "CREATE TEMPORARY TABLE moves (former INTEGER PRIMARY KEY, target INTEGER, written INTEGER)"
    )
    tables.run("INSERT INTO moves (former, target, written) VALUES (?, ?, ?)", moves)
    tables.execute(
        f"UPDATE {link} SET "  # noqa: S608
        f"spelling = (SELECT written FROM moves WHERE former = {what}_id), "
        f"{what}_id = (SELECT target FROM moves WHERE former = {what}_id) "
        f"WHERE {what}_id IN (SELECT former FROM moves)"
    )
    tables.execute("DROP TABLE moves")


def _move_sequence(database, table):
    """PostgreSQL gives out ids after those that were written."""
    if not isinstance(getattr(database, "obj", database), pw.SqliteDatabase):
        database.execute_sql(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "  # noqa: S608
            f"(SELECT COALESCE(MAX(id), 1) FROM {table}))"
        )


def _fill_artists(database):
    tables = _Tables(database)
    library = _Library(tables)
    library.read()
    library.decide()
    library.write()
    _move_sequence(database, "artists")
    _move_sequence(database, "artist_names")


class _Library:
    """The artists as they are, and as they are to be.

    A credit is the row that an artist has, and the id that the file gives with it, or None.
    """

    def __init__(self, tables):
        self._tables = tables
        self._rows = {}
        self._uses = {"track": Counter(), "album": Counter()}
        self._of_albums = {}

    def read(self):
        for row, name, sort_name, mbid in self._tables.rows(
            "SELECT id, name, sort_name, musicbrainz_id FROM artists ORDER BY id"
        ):
            self._rows[row] = (name, sort_name, mbid, _name_key(name))
        for _, credits in self._credits_of_tracks():
            self._uses["track"].update(credits)
        self._of_albums = dict(self._credits_of_albums())
        for credits in self._of_albums.values():
            self._uses["album"].update(credits)

    def _credits_of_tracks(self):
        link = "JOIN track_artists AS a ON a.track_id = t.id"
        track, artists, ids = None, {}, None
        for each, position, artist, given in self._tables.tracks(
            "t.id, a.position, a.artist_id, t.musicbrainz_artist_ids", link
        ):
            if each != track:
                if artists:
                    yield track, self._named([artists[place] for place in sorted(artists)], ids)
                track, artists, ids = each, {}, given
            artists[position] = artist
        if artists:
            yield track, self._named([artists[place] for place in sorted(artists)], ids)

    def _named(self, artists, given):
        ids = _list(given)
        keys = [self._rows[each][3] for each in artists]
        found = _ids_of(keys, ids)
        return [(artist, found.get(place)) for place, artist in enumerate(artists)]

    def _credits_of_albums(self):
        said = defaultdict(lambda: defaultdict(Counter))
        columns = "t.album_id, t.album_artist_names, t.musicbrainz_album_artist_ids"
        for album, names, given in self._tables.tracks(columns, ""):
            ids = _list(given)
            if album is None or not ids:
                continue
            keys = list(map(_name_key, _list(names)))
            for place, mbid in _ids_of(keys, ids).items():
                said[album][keys[place]][mbid] += 1
        of_album = defaultdict(list)
        for album, artist in self._tables.rows(
            "SELECT album_id, artist_id FROM album_artists ORDER BY album_id, position"
        ):
            counts = said.get(album, {}).get(self._rows[artist][3], {})
            mbid = min(counts, key=lambda each: (-counts[each], each), default=None)
            of_album[album].append((artist, mbid))
        return of_album

    def decide(self):
        """Which row each credit is of, from now on."""
        credits = {*self._uses["track"], *self._uses["album"]}
        credits |= {(row, None) for row in self._rows.keys() - {row for row, _ in credits}}
        named = defaultdict(set)
        for row, mbid in credits:
            if mbid:
                named[self._rows[row][3]].add(mbid)
        self._keys = {}
        uses = defaultdict(Counter)
        for row, mbid in sorted(credits, key=str):
            key = self._rows[row][3]
            meant = {mbid} if mbid else named[key]
            self._keys[row, mbid] = f"mbid:{min(meant)}" if len(meant) == 1 else f"name:{key}"
            uses[row][self._keys[row, mbid]] += self._count((row, mbid)) + 1
        self._first = {
            row: min(counts, key=lambda each: (-counts[each], each)) for row, counts in uses.items()
        }
        self._choose(uses)

    def _count(self, credit):
        return self._uses["track"][credit] + self._uses["album"][credit]

    def _choose(self, uses):
        """Of the rows that are one artist one stays; artists without a row get one."""
        chosen = {
            row
            for (row,) in self._tables.rows(
                "SELECT entity_id FROM chosen_images WHERE entity_type = 'artist'"
            )
        }
        candidates = defaultdict(list)
        for row, key in self._first.items():
            candidates[key].append(row)
        self._row_of = {
            key: min(rows, key=lambda each: (each not in chosen, each))
            for key, rows in candidates.items()
        }
        self._gone = {
            row: self._row_of[key] for row, key in self._first.items() if self._row_of[key] != row
        }
        self._concerned = set(self._gone.values())
        following = max(self._rows, default=0) + 1
        self._new = {}
        for row, counts in sorted(uses.items()):
            for key in sorted(counts):
                if key not in self._row_of:
                    self._row_of[key] = following
                    self._new[following] = row
                    following += 1
                if self._row_of[key] != row and row not in self._gone:
                    self._concerned |= {row, self._row_of[key]}

    def write(self):
        run = self._tables.run
        run(
            "INSERT INTO artists (id, name) VALUES (?, ?)",
            [(new, self._rows[row][0]) for new, row in self._new.items()],
        )
        spelt = self._write_names()
        self._move_links(spelt)
        self._hand_over()
        run("DELETE FROM artists WHERE id = ?", [(row,) for row in self._gone])
        self._write_artists()
        self._need()

    def _write_names(self):
        """The rows of spellings; the id of each credit's."""
        numbers, counts = {}, defaultdict(lambda: [0, 0])
        spelt = {}
        for row, mbid in sorted(self._keys, key=str):
            name, key = self._rows[row][0], self._rows[row][3]
            spelling = (self._row_of[self._keys[row, mbid]], name, key, mbid is not None)
            spelt[row, mbid] = numbers.setdefault(spelling, len(numbers) + 1)
            counts[spelling][0] += self._uses["track"][row, mbid]
            counts[spelling][1] += self._uses["album"][row, mbid]
        self._counts = counts
        self._tables.run(
            "INSERT INTO artist_names (id, artist_id, name, key, by_id, tracks, albums) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (number, *spelling, *counts[spelling])
                for spelling, number in numbers.items()
                if any(counts[spelling])
            ],
        )
        return spelt

    def _move_links(self, spelt):
        moves = {each: (self._row_of[key], spelt[each]) for each, key in self._keys.items()}
        of_row = defaultdict(set)
        for (row, _), move in moves.items():
            of_row[row].add(move)
        whole = [(row, *next(iter(found))) for row, found in of_row.items() if len(found) == 1]
        mixed = {row for row, found in of_row.items() if len(found) > 1}
        parts = {"track": [], "album": []}
        if mixed:
            everything = (("track", self._credits_of_tracks()), ("album", self._of_albums.items()))
            for what, entities in everything:
                for entity, credits in entities:
                    parts[what] += [
                        (*moves[credit], entity, place)
                        for place, credit in enumerate(credits)
                        if credit[0] in mixed
                    ]
        for what, moved in parts.items():
            _map(self._tables, "artist", f"{what}_artists", whole)
            self._move_places(what, moved)

    def _move_places(self, what, moved):
        """Positions of a link count from 0 without a gap, as credits do."""
        self._tables.run(
            f"UPDATE {what}_artists SET artist_id = ?, spelling = ? "  # noqa: S608
            f"WHERE {what}_id = ? AND position = ?",
            moved,
        )

    def _hand_over(self):
        """What is known of rows that go, where those that stay have nothing of the kind.

        Few artists have choices or facts, and they are found at once.
        """
        for table, of in (("chosen_images", "role"), ("covers", "role"), ("facts", "source")):
            known = self._tables.rows(
                f"SELECT DISTINCT entity_id, {of} FROM {table} WHERE entity_type = 'artist'"  # noqa: S608
            )
            taken, moved = set(known), []
            for old, kind in sorted(known):
                new = self._gone.get(old)
                if new is not None and (new, kind) not in taken:
                    taken.add((new, kind))
                    moved.append((new, old, kind))
            self._tables.run(
                f"UPDATE {table} SET entity_id = ? WHERE entity_type = 'artist' "  # noqa: S608
                f"AND entity_id = ? AND {of} = ?",
                moved,
            )

    def _write_artists(self):
        names = defaultdict(list)
        for (row, name, _, _), (tracks, albums) in self._counts.items():
            names[row].append((-tracks, -albums, name))
        sorts = defaultdict(list)
        for row, key in self._first.items():
            if self._rows[row][1]:
                sorts[self._row_of[key]].append(self._rows[row][1])
        self._tables.run(
            "UPDATE artists SET key = ?, name = ?, sort_name = ?, musicbrainz_id = ? WHERE id = ?",
            [
                (
                    key,
                    min(names[row])[2],
                    min(sorts[row], default=None),
                    key.removeprefix("mbid:") if key.startswith("mbid:") else None,
                    row,
                )
                for key, row in self._row_of.items()
            ],
        )

    def _need(self):
        """What artists need whose tracks are others; those that are gone need nothing."""
        run = self._tables.run
        for table in _ABOUT:
            kinds = _KINDS if table == "ledger" else [None]
            for kind in kinds:
                of_kind = f"kind = '{kind}' AND " if kind else ""
                run(
                    f"DELETE FROM {table} WHERE {of_kind}"  # noqa: S608
                    "entity_type = 'artist' AND entity_id = ?",
                    [(row,) for row in self._gone],
                )
        models = [
            model
            for (model,) in self._tables.rows(
                "SELECT id FROM cluster_models WHERE entity_type = 'artist'"
            )
        ]
        run(
            "DELETE FROM cluster_memberships WHERE model_id = ? AND entity_id = ?",
            [(model, row) for model in models for row in self._gone],
        )
        for kind in _ABOUT_TRACKS:
            run(
                "UPDATE ledger SET state = 'todo', reason = NULL, lease = NULL, "
                "leased_until = NULL, look_again_at = NULL, cause = NULL, place = NULL, "
                "attempt = 0 WHERE kind = ? AND entity_type = 'artist' AND entity_id = ? "
                "AND state <> 'quarantined'",
                [(kind, row) for row in sorted(self._concerned)],
            )
            run(
                "INSERT INTO ledger (kind, entity_type, entity_id, state, sources, attempt, "
                "lease_attempt) SELECT kind, 'artist', ?, 'todo', '[]', 0, 0 FROM ledger "
                "WHERE kind = ? AND entity_type = 'artist' AND entity_id = ?",
                [(new, kind, self._gone.get(row, row)) for new, row in self._new.items()],
            )


def _list(given):
    """A column of JSON, which PostgreSQL gives as a list."""
    if given in ("[]", None):
        return []
    return json.loads(given) if isinstance(given, str) else given


def _ids_of(keys, ids):
    """The ids by position, where there are as many as names; see `db.library.names.named`."""
    if len(ids) != len(keys):
        return {}
    names_of = defaultdict(set)
    for key, mbid in zip(keys, ids, strict=True):
        names_of[mbid].add(key)
    return {
        place: mbid for place, mbid in enumerate(ids) if mbid != _NIL and len(names_of[mbid]) == 1
    }
