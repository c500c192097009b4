"""Artists of one name: to whom belongs what is named without an id.

Files that name an artist without an id mean the only one of that name that has an id. Where several
have one, they mean whom other files of their folder name by id, and else an artist of their own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from peewee import fn

from db.artwork.images import hand_over
from db.models import (
    AlbumArtist,
    Artist,
    ArtistName,
    ChosenImage,
    EntityType,
    Fact,
    Track,
    TrackArtist,
)
from db.sql.queries import ALSO_LISTED, LISTED, Prepared, among, slices, tuples
from db.sql.statements import add_to_rows, insert_missing


@dataclass
class Settled:
    """What became of artists."""

    changed: set[int] = field(default_factory=set)
    """Those that are shown in another spelling, or to whom others' tracks and albums came."""
    emptied: set[int] = field(default_factory=set)
    """Those that nothing is left of: the caller drops them."""


class Row(NamedTuple):
    """A row of `artist_names`."""

    id: int
    artist_id: int
    name: str
    key: str
    by_id: bool
    given: str
    """The id that those files give and that is not believed; see `db.library.spellings`."""


ROW = [getattr(ArtistName, each) for each in ("id", "artist", "name", "key", "by_id", "given")]


def give_back(believed: Iterable[tuple[int, int]]) -> Settled:
    """Give spellings, by their rows, to the artists whose id is believed again."""
    settled = Settled()
    for row_id, target in believed:
        row = Row._make(next(tuples(ArtistName.select(*ROW).where(ArtistName.id == row_id))))
        _move(row, target)
        settled.changed |= {row.artist_id, target}
        if not ArtistName.select().where(ArtistName.artist == row.artist_id).exists():
            _hand_over(row.artist_id, target)
            settled.emptied.add(row.artist_id)
    return settled


def place_loose(keys: Collection[str], settled: Settled) -> Settled:
    """Give what is named without an id, by these keys, to the artists who are meant.

    What became of others is known in `settled`, which has the outcome too.
    """
    of_key: dict[str, list[Row]] = defaultdict(list)
    for row in map(Row._make, _BY_KEY.rows(sorted(keys))):
        of_key[row.key].append(row)
    of_namesakes: list[Row] = []
    for key, rows in sorted(of_key.items()):
        loose = [row for row in rows if not row.by_id]
        named = {row.artist_id for row in rows if row.by_id}
        if loose and len(named) > 1:
            of_namesakes += rows
        elif loose:
            target = named.pop() if named else _without_id(key, loose)
            for at, each in enumerate(loose):
                # Those before it may have taken it along, or become one with it.
                for row in map(Row._make, _BY_ID.rows([each.id])) if at else [each]:
                    target = _move_whole(row, target, settled)
    if of_namesakes:
        _Namesakes(of_namesakes, settled).place()
    return settled


_BY_KEY = Prepared.by(ArtistName.key, *ROW)
_BY_ID = Prepared.by(ArtistName.id, *ROW)


def empty(candidates: Mapping[int, str], settled: Settled) -> None:
    """Those of the artists that have no name left go; who is called as they were inherits."""
    for artist_id, key in sorted(candidates.items()):
        if ArtistName.select().where(ArtistName.artist == artist_id).exists():
            continue
        settled.emptied.add(artist_id)
        heirs = ArtistName.select(ArtistName.artist).where(ArtistName.key == key).distinct()
        if heirs.count() == 1:
            _hand_over(artist_id, heirs.get().artist_id)


def delete(table: Any, ids: Sequence[int]) -> None:
    """Delete rows by their ids."""
    for part in slices(ids):
        table.delete().where(among(table.id, part)).execute()


def _without_id(key: str, loose: Sequence[Row]) -> int:
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


def _move_whole(row: Row, target: int, settled: Settled) -> int:
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
        rows = ArtistName.select(*ROW).where(ArtistName.artist == source)
        moved = list(map(Row._make, tuples(rows)))
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


def _move(row: Row, target: int) -> None:
    """Give a spelling, with all that uses it, to another artist."""
    same = ArtistName.get_or_none(
        ArtistName.artist == target,
        ArtistName.name == row.name,
        ArtistName.by_id == row.by_id,
        ArtistName.given == row.given,
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
    delete(ArtistName, [row.id])


def _hand_over(source: int, target: int) -> None:
    """Choices and facts of an artist, where the other has none of its own."""
    hand_over(EntityType.ARTIST, source, target)
    own = Fact.select(Fact.source).where(
        Fact.entity_type == EntityType.ARTIST, Fact.entity_id == target
    )
    known = [each for (each,) in tuples(own)]
    Fact.update(entity_id=target).where(
        Fact.entity_type == EntityType.ARTIST, Fact.entity_id == source, Fact.source.not_in(known)
    ).execute()


_ARTISTS_BY_KEY = Prepared.by(Artist.key, Artist.key, Artist.id)


def _in_folders(link: Any, of: Any) -> Prepared:
    """What some artists are credited with by some spellings, how, and where it lies."""
    tracks = Track.id if of is TrackArtist.track else Track.album
    return Prepared(
        lambda: (
            link.select(of, link.spelling, Track.group_folder)
            .join(Track, on=tracks == of)
            .where(among(link.artist, LISTED), among(link.spelling, ALSO_LISTED))
            .distinct()
        )
    )


def _meant_in(link: Any, on: Any) -> Prepared:
    """Who is named in some folders by some spellings, and by which."""
    return Prepared(
        lambda: (
            Track.select(Track.group_folder, link.spelling, link.artist)
            .join(link, on=on)
            .where(among(Track.group_folder, LISTED), among(link.spelling, ALSO_LISTED))
            .distinct()
        )
    )


_CREDITED = {
    link: _in_folders(link, of)
    for link, of in ((TrackArtist, TrackArtist.track), (AlbumArtist, AlbumArtist.album))
}
_MEANT = (
    _meant_in(TrackArtist, TrackArtist.track == Track.id),
    _meant_in(AlbumArtist, AlbumArtist.album == Track.album),
)


class _Namesakes:
    """Several artists of one name that have ids, and who is named without one; of several names."""

    def __init__(self, rows: Sequence[Row], settled: Settled) -> None:
        self._loose = {row.id: row for row in rows if not row.by_id}
        self._named = {row.id: row.key for row in rows if row.by_id}
        self._settled = settled
        keys = {f"name:{row.key}": row.key for row in self._loose.values()}
        known = _ARTISTS_BY_KEY.rows(sorted(keys))
        self._nobody = {keys[key]: artist_id for key, artist_id in known}

    def place(self) -> None:
        """Give each to whom its folder names by id, and else to an artist of their own."""
        moves: dict[tuple[Any, int, int | None], list[int]] = defaultdict(list)
        for link, of in ((TrackArtist, TrackArtist.track), (AlbumArtist, AlbumArtist.album)):
            folders = self._folders(link)
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

    def _folders(self, link: Any) -> list[tuple[int, int, str]]:
        """What is credited without an id, how, and the group folders that it lies in."""
        owners = sorted({row.artist_id for row in self._loose.values()})
        rows = _CREDITED[link].rows(owners, sorted(self._loose))
        return [(entity_id, spelling, folder) for entity_id, spelling, folder in rows]

    def _meant(self, folders: Sequence[str]) -> dict[tuple[str, str], set[int]]:
        """Who is named by id in each of these folders, by the key of the name."""
        found: dict[tuple[str, str], set[int]] = defaultdict(set)
        for meant in _MEANT:
            for folder, spelling, artist_id in meant.rows(folders, sorted(self._named)):
                found[folder, self._named[spelling]].add(artist_id)
        return found

    def _give(self, of: Any, row: Row, only: int | None, entity_ids: Sequence[int]) -> None:
        if only is None and row.key not in self._nobody:
            loose = [each for each in self._loose.values() if each.key == row.key]
            self._nobody[row.key] = _without_id(row.key, loose)
        target = only or self._nobody[row.key]
        if target == row.artist_id:
            return
        insert_missing(
            ArtistName,
            ["artist", "name", "key", "by_id", "given"],
            [(target, row.name, row.key, False, row.given)],
        )
        own = ArtistName.get(
            ArtistName.artist == target,
            ArtistName.name == row.name,
            ~ArtistName.by_id,
            ArtistName.given == row.given,
        )
        link, count = of.model, "tracks" if of is TrackArtist.track else "albums"
        used = among(of, entity_ids), link.artist == row.artist_id, link.spelling == row.id
        moved = link.update(artist=target, spelling=own.id).where(*used).execute()
        add_to_rows(ArtistName, [count], [(moved, own.id), (-moved, row.id)])
        self._settled.changed |= {row.artist_id, target}

    def _forget(self) -> None:
        """Drop the spellings that nobody is named by any more."""
        is_unused = (ArtistName.tracks <= 0) & (ArtistName.albums <= 0)
        query = ArtistName.select(*ROW).where(among(ArtistName.id, sorted(self._loose)), is_unused)
        rows = list(map(Row._make, tuples(query)))
        delete(ArtistName, [row.id for row in rows])
        empty({row.artist_id: row.key for row in rows}, self._settled)
