"""How artists and genres are written: each spelling with how many tracks and albums use it.

An artist or genre is shown as most tracks write it, the first in the alphabet among equals. Files
that name an artist without an id mean the only one of that name that has an id. Where several
have one, they mean whom other files of their folder name by id, and else an artist of their own.
So it comes out the same whatever the order in which files came and went.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from peewee import fn

from db.library.names import name_key
from db.models import (
    AlbumArtist,
    Artist,
    ArtistName,
    ChosenImage,
    EntityType,
    Fact,
    Genre,
    GenreName,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.sql.queries import among, slices, tuples
from db.sql.statements import add_to_rows, insert_missing, update_rows


class Spelled(NamedTuple):
    """An artist or genre, and the row of how it is written."""

    id: int
    spelling: int


def ensure_genres(names: Iterable[str]) -> dict[str, Spelled]:
    """The genres of these names; a new one, or a new spelling, gets a row."""
    written = sorted(set(names))
    keys = {name_key(name): name for name in reversed(written)}
    insert_missing(Genre, ["key", "name"], sorted(keys.items()))
    ids = {
        key: genre_id
        for part in slices(sorted(keys))
        for key, genre_id in tuples(Genre.select(Genre.key, Genre.id).where(among(Genre.key, part)))
    }
    wanted = {(ids[name_key(name)], name): name for name in written}
    insert_missing(GenreName, ["genre", "name"], list(wanted))
    return {
        wanted[genre_id, name]: Spelled(genre_id, spelling)
        for part in slices(sorted(ids.values()))
        for spelling, genre_id, name in tuples(
            GenreName.select(GenreName.id, GenreName.genre, GenreName.name).where(
                among(GenreName.genre, part)
            )
        )
        if (genre_id, name) in wanted
    }


class Uses(NamedTuple):
    """How often some tracks and albums use each spelling."""

    tracks: Counter[int]
    albums: Counter[int]
    genres: Counter[int]


def uses_of(track_ids: Sequence[int], album_ids: Sequence[int]) -> Uses:
    """What these tracks and albums use now."""
    return Uses(
        _counted(TrackArtist, TrackArtist.track, track_ids),
        _counted(AlbumArtist, AlbumArtist.album, album_ids),
        _counted(TrackGenre, TrackGenre.track, track_ids),
    )


def _counted(link: Any, of: Any, ids: Sequence[int]) -> Counter[int]:
    found: Counter[int] = Counter()
    for part in slices(ids):
        query = link.select(link.spelling, fn.COUNT(of))
        query = query.where(among(of, part), link.spelling.is_null(False))
        for spelling, count in tuples(query.group_by(link.spelling)):
            found[spelling] += count
    return found


@dataclass
class Settled:
    """What became of artists."""

    changed: set[int] = field(default_factory=set)
    """Those that are shown in another spelling, or to whom others' tracks and albums came."""
    emptied: set[int] = field(default_factory=set)
    """Those that nothing is left of: the caller drops them."""


def settle(
    before: Uses, now: Uses, *, new: Collection[int] = (), unsure: Iterable[str] = ()
) -> Settled:
    """Count the spellings by what some tracks and albums used before and use now, and show them.

    `new` are rows of spellings that may not be in use, `unsure` keys of names under which another
    artist may be meant now. Call it in the transaction that writes the tracks, at its end.
    """
    _count_genres(before, now)
    touched, unused = _count_artists(before, now, new)
    settled = _place_loose({*unsure, *(row.key for row in unused if row.by_id)})
    _empty({row.artist_id: row.key for row in unused}, settled)
    settled.changed |= _show(Artist, ArtistName, ArtistName.artist, touched | settled.changed)
    settled.changed -= settled.emptied
    return settled


def _count_genres(before: Uses, now: Uses) -> None:
    changes = _differences(before.genres, now.genres)
    add_to_rows(GenreName, ["tracks"], [(changes[each], each) for each in sorted(changes)])
    genres: set[int] = set()
    for part in slices(sorted(changes)):
        query = GenreName.select(GenreName.id, GenreName.genre, GenreName.tracks)
        rows = list(tuples(query.where(among(GenreName.id, part))))
        genres.update(genre_id for _, genre_id, _ in rows)
        _delete(GenreName, [each for each, _, tracks in rows if tracks <= 0])
    _show(Genre, GenreName, GenreName.genre, genres)


class _Row(NamedTuple):
    """A row of `artist_names`."""

    id: int
    artist_id: int
    name: str
    key: str
    by_id: bool


_ROW = [getattr(ArtistName, each) for each in ("id", "artist", "name", "key", "by_id")]


def _count_artists(before: Uses, now: Uses, new: Collection[int]) -> tuple[set[int], "list[_Row]"]:
    """The artists whose counts changed, and the spellings that are in use no more."""
    tracks = _differences(before.tracks, now.tracks)
    albums = _differences(before.albums, now.albums)
    touched = sorted({*tracks, *albums})
    rows = [(tracks[each], albums[each], each) for each in touched]
    add_to_rows(ArtistName, ["tracks", "albums"], rows)
    artists: set[int] = set()
    unused: list[_Row] = []
    for part in slices(sorted({*touched, *new})):
        query = ArtistName.select(*_ROW, ArtistName.tracks, ArtistName.albums)
        for *columns, of_tracks, of_albums in tuples(query.where(among(ArtistName.id, part))):
            row = _Row._make(columns)
            artists.add(row.artist_id)
            if of_tracks <= 0 and of_albums <= 0:
                unused.append(row)
    _delete(ArtistName, [row.id for row in unused])
    return artists, unused


def _empty(candidates: Mapping[int, str], settled: Settled) -> None:
    """Those of the artists that have no name left go; who is called as they were inherits."""
    for artist_id, key in sorted(candidates.items()):
        if ArtistName.select().where(ArtistName.artist == artist_id).exists():
            continue
        settled.emptied.add(artist_id)
        heirs = ArtistName.select(ArtistName.artist).where(ArtistName.key == key).distinct()
        if heirs.count() == 1:
            _hand_over(artist_id, heirs.get().artist_id)


def _differences(before: Counter[int], now: Counter[int]) -> Counter[int]:
    changes = Counter(now)
    changes.subtract(before)
    return Counter({spelling: change for spelling, change in changes.items() if change})


def _delete(table: Any, ids: Sequence[int]) -> None:
    for part in slices(ids):
        table.delete().where(among(table.id, part)).execute()


def _show(entity: Any, spelling: Any, owner: Any, ids: Iterable[int]) -> set[int]:
    """Give these the name that most tracks use; those that had another."""
    counts = [spelling.tracks, *([spelling.albums] if spelling is ArtistName else [])]
    shown: dict[int, str] = {}
    uses: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for part in slices(sorted(ids)):
        query = spelling.select(owner, entity.name, spelling.name, *map(fn.SUM, counts))
        query = query.join(entity).where(among(owner, part))
        for entity_id, known, name, *sums in tuples(
            query.group_by(owner, entity.name, spelling.name)
        ):
            shown[entity_id] = known
            uses[entity_id][name] = [-each for each in sums]
    best = {
        each: min((sums, name) for name, sums in names.items())[1] for each, names in uses.items()
    }
    wrong = {each: name for each, name in sorted(best.items()) if name != shown[each]}
    update_rows(entity, ["name"], [(name, each) for each, name in wrong.items()])
    return set(wrong)


def _place_loose(keys: Collection[str]) -> Settled:
    """Give what is named without an id, by these keys, to the artists who are meant."""
    settled = Settled()
    of_key: dict[str, list[_Row]] = defaultdict(list)
    query = ArtistName.select(*_ROW).where(among(ArtistName.key, sorted(keys)))
    for row in map(_Row._make, tuples(query)):
        of_key[row.key].append(row)
    of_namesakes: list[_Row] = []
    for key, rows in sorted(of_key.items()):
        loose = [row for row in rows if not row.by_id]
        named = {row.artist_id for row in rows if row.by_id}
        if loose and len(named) > 1:
            of_namesakes += rows
        elif loose:
            target = named.pop() if named else _without_id(key, loose)
            for row in loose:
                target = _move_whole(row, target, settled)
    if of_namesakes:
        _Namesakes(of_namesakes, settled).place()
    return settled


def _without_id(key: str, loose: Sequence[_Row]) -> int:
    """The artist of this key who has no id; one whose last id went becomes that."""
    if found := Artist.get_or_none(Artist.key == f"name:{key}"):
        return int(found.id)
    for artist_id in sorted({row.artist_id for row in loose}):
        if _is_all_of(artist_id, key):
            Artist.update(key=f"name:{key}", musicbrainz_id=None).where(
                Artist.id == artist_id
            ).execute()
            return artist_id
    of_name = Artist.select(fn.MIN(Artist.sort_name)).join(ArtistName).where(ArtistName.key == key)
    new = f"name:{key}", min(row.name for row in loose), of_name.scalar()
    insert_missing(Artist, ["key", "name", "sort_name"], [new])
    return int(Artist.get(Artist.key == f"name:{key}").id)


def _move_whole(row: _Row, target: int, settled: Settled) -> int:
    """Give all that a spelling is used for to an artist; who that is in the end.

    Where two become one, `_stays` says which.
    """
    source = row.artist_id
    if source == target:
        return target
    moved = [row]
    if _is_all_of(source, row.key) and _stays(source, target) == source:
        source, target = target, source
        _give_identity(source, target)
        rows = ArtistName.select(*_ROW).where(ArtistName.artist == source)
        moved = list(map(_Row._make, tuples(rows)))
    for each in moved:
        _move(each, target)
    settled.changed |= {source, target}
    if not ArtistName.select().where(ArtistName.artist == source).exists():
        _hand_over(source, target)
        settled.emptied.add(source)
    return target


def _give_identity(source: int, target: int) -> None:
    """Have one artist be whom the other was; the other is about to go."""
    was = Artist.get_by_id(source)
    Artist.update(key=f"joined:{target}", musicbrainz_id=None).where(Artist.id == source).execute()
    Artist.update(
        key=was.key,
        musicbrainz_id=was.musicbrainz_id,
        sort_name=fn.COALESCE(Artist.sort_name, was.sort_name),
    ).where(Artist.id == target).execute()


def _is_all_of(artist_id: int, key: str) -> bool:
    """Whether an artist is known by this key alone, and without an id."""
    others = ArtistName.select().where(
        ArtistName.artist == artist_id, ArtistName.by_id | (ArtistName.key != key)
    )
    return not others.exists()


def _stays(*artist_ids: int) -> int:
    """Which of the artists stays: one for whom the user chose a picture, else the oldest."""
    query = ChosenImage.select(ChosenImage.entity_id).where(
        ChosenImage.entity_type == EntityType.ARTIST, ChosenImage.entity_id.in_(artist_ids)
    )
    chosen = {artist_id for (artist_id,) in tuples(query)}
    return min(artist_ids, key=lambda each: (each not in chosen, each))


def _move(row: _Row, target: int) -> None:
    """Give a spelling, with all that uses it, to another artist."""
    same = ArtistName.get_or_none(
        ArtistName.artist == target, ArtistName.name == row.name, ArtistName.by_id == row.by_id
    )
    for link in (TrackArtist, AlbumArtist):
        link.update(artist=target, spelling=same.id if same else row.id).where(
            link.artist == row.artist_id, link.spelling == row.id
        ).execute()
    if same is None:
        ArtistName.update(artist=target).where(ArtistName.id == row.id).execute()
        return
    moved = ArtistName.get_by_id(row.id)
    add_to_rows(ArtistName, ["tracks", "albums"], [(moved.tracks, moved.albums, same.id)])
    _delete(ArtistName, [row.id])


def _hand_over(source: int, target: int) -> None:
    """Choices and facts of an artist, where the other has none of its own."""
    for table, of in ((ChosenImage, ChosenImage.role), (Fact, Fact.source)):
        own = table.select(of).where(
            table.entity_type == EntityType.ARTIST, table.entity_id == target
        )
        known = [each for (each,) in tuples(own)]
        table.update(entity_id=target).where(
            table.entity_type == EntityType.ARTIST, table.entity_id == source, of.not_in(known)
        ).execute()


class _Namesakes:
    """Several artists of one name that have ids, and who is named without one; of several names."""

    def __init__(self, rows: Sequence[_Row], settled: Settled) -> None:
        self._loose = {row.id: row for row in rows if not row.by_id}
        self._named = {row.id: row.key for row in rows if row.by_id}
        self._settled = settled
        keys = {f"name:{row.key}": row.key for row in self._loose.values()}
        query = Artist.select(Artist.key, Artist.id).where(among(Artist.key, sorted(keys)))
        self._nobody = {keys[key]: int(artist_id) for key, artist_id in tuples(query)}

    def place(self) -> None:
        """Give each to whom its folder names by id, and else to an artist of their own."""
        moves: dict[tuple[Any, int, int | None], list[int]] = defaultdict(list)
        for link, of in ((TrackArtist, TrackArtist.track), (AlbumArtist, AlbumArtist.album)):
            folders = self._folders(link, of)
            meant = self._meant(sorted({each for _, _, each in folders}))
            found: dict[tuple[int, int], set[int]] = defaultdict(set)
            for entity_id, spelling, folder in folders:
                found[entity_id, spelling] |= meant[folder, self._loose[spelling].key]
            for (entity_id, spelling), artists in found.items():
                only = artists.pop() if len(artists) == 1 else None
                moves[of, spelling, only].append(entity_id)
        for (of, spelling, only), entity_ids in moves.items():
            self._give(of, self._loose[spelling], only, entity_ids)
        self._forget()

    def _folders(self, link: Any, of: Any) -> list[tuple[int, int, str]]:
        """What is credited without an id, how, and the group folders that it lies in."""
        tracks = Track.id if of is TrackArtist.track else Track.album
        query = link.select(of, link.spelling, Track.group_folder).join(Track, on=tracks == of)
        owners = sorted({row.artist_id for row in self._loose.values()})
        where = among(link.artist, owners), among(link.spelling, sorted(self._loose))
        return list(tuples(query.where(*where).distinct()))

    def _meant(self, folders: Sequence[str]) -> dict[tuple[str, str], set[int]]:
        """Who is named by id in each of these folders, by the key of the name."""
        found: dict[tuple[str, str], set[int]] = defaultdict(set)
        for link, on in (
            (TrackArtist, TrackArtist.track == Track.id),
            (AlbumArtist, AlbumArtist.album == Track.album),
        ):
            columns = Track.group_folder, link.spelling, link.artist
            named = among(link.spelling, sorted(self._named))
            where = among(Track.group_folder, folders), named
            query = Track.select(*columns).join(link, on=on).where(*where).distinct()
            for folder, spelling, artist_id in tuples(query):
                found[folder, self._named[spelling]].add(artist_id)
        return found

    def _give(self, of: Any, row: _Row, only: int | None, entity_ids: Sequence[int]) -> None:
        if only is None and row.key not in self._nobody:
            loose = [each for each in self._loose.values() if each.key == row.key]
            self._nobody[row.key] = _without_id(row.key, loose)
        target = only or self._nobody[row.key]
        if target == row.artist_id:
            return
        insert_missing(
            ArtistName, ["artist", "name", "key", "by_id"], [(target, row.name, row.key, False)]
        )
        own = ArtistName.get(
            ArtistName.artist == target, ArtistName.name == row.name, ~ArtistName.by_id
        )
        link, count = of.model, "tracks" if of is TrackArtist.track else "albums"
        used = among(of, entity_ids), link.artist == row.artist_id, link.spelling == row.id
        moved = link.update(artist=target, spelling=own.id).where(*used).execute()
        add_to_rows(ArtistName, [count], [(moved, own.id), (-moved, row.id)])
        self._settled.changed |= {row.artist_id, target}

    def _forget(self) -> None:
        """Drop the spellings that nobody is named by any more."""
        is_unused = (ArtistName.tracks <= 0) & (ArtistName.albums <= 0)
        query = ArtistName.select(*_ROW).where(among(ArtistName.id, sorted(self._loose)), is_unused)
        rows = list(map(_Row._make, tuples(query)))
        _delete(ArtistName, [row.id for row in rows])
        _empty({row.artist_id: row.key for row in rows}, self._settled)
