"""What a user brings from another server: plays, stars, ratings and playlists, matched to ours.

An entity of theirs is ours by its path, else by its MusicBrainz id, else by its names. Nothing that
the user has here is lost: a star and a rating stay, and of two numbers of plays the larger counts.
So whatever is brought twice is there once.
"""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from peewee import JOIN

from db.library.names import name_key
from db.models import Album, Annotation, Artist, EntityType, Playlist, Track, TrackArtist
from db.scanning import scans
from db.sql.connection import transaction
from db.sql.folding import fold
from db.sql.path_text import to_text
from db.sql.queries import among, slices, tuples
from db.sql.statements import insert_missing
from db.users import playlists
from db.users.annotations import NOTHING, Said

PATH, ID, NAMES = "path", "id", "names"
"""By what an entity of theirs was found."""


class Theirs(NamedTuple):
    """A track, album or artist as another server knows it."""

    name: str
    """The title of a track or album, the name of an artist."""
    artist: str = ""
    album: str = ""
    path: str = ""
    """Of a track: absolute, or below a folder of music; with / between folders."""
    mbids: tuple[str, ...] = ()
    """MusicBrainz ids, the surest first."""

    @property
    def text(self) -> str:
        """For people."""
        return self.path or " - ".join(filter(None, (self.artist, self.album, self.name)))


class TheirPlaylist(NamedTuple):
    """A playlist of another server, or of a file."""

    name: str
    source: str
    """What it is known by when it is brought again."""
    tracks: Sequence[Theirs]


@dataclass
class Brought:
    """What another server says of its entities for one user."""

    said: dict[EntityType, list[tuple[Theirs, Said]]] = field(default_factory=dict)
    playlists: list[TheirPlaylist] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of it."""

    found: Counter[str] = field(default_factory=Counter)
    """How many entities were found by what."""
    missed: list[str] = field(default_factory=list)
    """Those that were not, for people."""
    changed: Counter[str] = field(default_factory=Counter)
    """How many entities and playlists have something now that they had not."""


def _key(name: str) -> str:
    """What names are compared by: without case, typography and accents."""
    return fold(name_key(name)) or ""


class Prefix(NamedTuple):
    """A folder of theirs, and what it is called here."""

    theirs: str
    ours: str


_Names = tuple[str, str]
_TAIL = 2
"""How many names at the end of a path say that a file is the same: its folder's and its own."""


class Matcher:
    """Finds what is ours. It holds the names of the whole library: some 600 bytes a track."""

    def __init__(self, *prefixes: Prefix, tracks: Collection[int] | None = None) -> None:
        """`tracks`: it finds these alone, and holds no others."""
        self._prefixes = prefixes
        self._roots = scans.roots()
        self._by_path: dict[str, int] = {}
        self._by_tail: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._by_mbid: dict[tuple[EntityType, str], list[int]] = defaultdict(list)
        self._by_names: dict[tuple[EntityType, _Names], list[int]] = defaultdict(list)
        self._albums: dict[int, str] = {}
        """The title of each track's album, as names are compared."""
        for ids in [None] if tracks is None else slices(sorted(tracks)):
            self._read_tracks(ids)
        if tracks is None:
            self._read_others()

    def found(self, entity_type: EntityType, theirs: Theirs) -> tuple[int, str] | None:
        """The id of ours, and by what it was found; None when there is none, or no single one."""
        for ids, by in self.fitting(entity_type, theirs):
            of_album = self._of_album(ids, theirs)
            if by is not NAMES or len(ids) == 1 or of_album is not None:
                return of_album or min(ids), by
        return None

    def fitting(self, entity_type: EntityType, theirs: Theirs) -> Iterator[tuple[list[int], str]]:
        """The ids of all that may be ours, and by what: the surest first."""
        if theirs.path and (by_path := self._at(theirs)) is not None:
            yield [by_path], PATH
        for mbid in theirs.mbids:
            if ids := self._by_mbid.get((entity_type, mbid.lower())):
                yield ids, ID
        names = (_key(theirs.name), _key(theirs.artist))
        if theirs.name and (ids := self._by_names.get((entity_type, names))):
            yield ids, NAMES

    def is_on_album(self, track_id: int, title: str) -> bool:
        """Whether a track is on an album of this title."""
        return bool(title) and self._albums.get(track_id) == _key(title)

    def _of_album(self, ids: Sequence[int], theirs: Theirs) -> int | None:
        """The one of these tracks that is on their album."""
        album = _key(theirs.album)
        fits = [each for each in ids if album and self._albums.get(each) == album]
        return min(fits, default=None)

    def _at(self, theirs: Theirs) -> int | None:
        path = self._renamed(posixpath.normpath(theirs.path))
        for root in ("", *self._roots):
            whole = path if path.startswith("/") else posixpath.join(root, path)
            if whole in self._by_path:
                return self._by_path[whole]
        parts = path.split("/")
        near = self._by_tail.get(tuple(parts[-_TAIL:]), []) if len(parts) >= _TAIL else []
        shared = Counter({each: _shared_end(each.split("/"), parts) for each in near})
        best = [each for each in near if shared[each] == max(shared.values())]
        return self._by_path[best[0]] if len(best) == 1 else None

    def _renamed(self, path: str) -> str:
        for prefix in self._prefixes:
            theirs = prefix.theirs.rstrip("/")
            if (path + "/").startswith(theirs + "/"):
                return prefix.ours.rstrip("/") + path[len(theirs) :]
        return path

    def _read_tracks(self, ids: Sequence[int] | None) -> None:
        columns = (Track.id, Track.path, Track.part, Track.title, Track.artist_credit, Artist.name)
        more = (Album.title, Track.musicbrainz_track_id, Track.musicbrainz_recording_id)
        query = (
            Track.select(*columns, *more)
            .join(Album, JOIN.LEFT_OUTER)
            .switch(Track)
            .join(
                TrackArtist,
                JOIN.LEFT_OUTER,
                on=(TrackArtist.track == Track.id) & (TrackArtist.position == 0),
            )
            .join(Artist, JOIN.LEFT_OUTER)
            .where(Track.missing_since.is_null())
        )
        query = query if ids is None else query.where(among(Track.id, ids))
        for track_id, path, part, title, credit, artist, album, *mbids in tuples(query):
            if not part:
                self._by_path[path] = track_id
                self._by_tail[tuple(path.split("/")[-_TAIL:])].append(path)
            for mbid in filter(None, mbids):
                self._by_mbid[EntityType.TRACK, mbid.lower()].append(track_id)
            for by in {_key(credit or ""), _key(artist or "")} if title else ():
                self._by_names[EntityType.TRACK, (_key(title), by)].append(track_id)
            if album:
                self._albums[track_id] = _key(album)

    def _read_others(self) -> None:
        albums = (Album.title, Album.album_artist, Album.musicbrainz_release_id)
        for album_id, title, by, mbid in tuples(Album.select(Album.id, *albums)):
            names = (_key(title or ""), _key(by or ""))
            self._keep(EntityType.ALBUM, album_id, names, mbid)
        artists = Artist.select(Artist.id, Artist.name, Artist.musicbrainz_id)
        for artist_id, name, mbid in tuples(artists):
            self._keep(EntityType.ARTIST, artist_id, (_key(name), ""), mbid)

    def _keep(self, kind: EntityType, entity_id: int, names: _Names, mbid: str | None) -> None:
        self._by_names[kind, names].append(entity_id)
        if mbid:
            self._by_mbid[kind, mbid.lower()].append(entity_id)


def _shared_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many names two paths have in common at their ends."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def bring(user_id: int, brought: Brought, matcher: Matcher, *, dry_run: bool) -> Outcome:
    """Give a user what another server says, all at once or, in a dry run, nothing."""
    outcome = Outcome()
    with transaction():
        for entity_type, rows in brought.said.items():
            given = _matched(entity_type, rows, matcher, outcome)
            changed = _changed(user_id, entity_type, given)
            outcome.changed[f"{entity_type}s"] += len(changed)
            if not dry_run:
                _write(user_id, entity_type, changed)
        for each in brought.playlists:
            outcome.changed["playlists"] += _bring_playlist(
                user_id, each, matcher, outcome, dry_run=dry_run
            )
    return outcome


def _matched(
    entity_type: EntityType,
    rows: Iterable[tuple[Theirs, Said]],
    matcher: Matcher,
    outcome: Outcome,
) -> dict[int, Said]:
    """What is said of ours; of several of theirs that are one of ours the plays are added up."""
    given: dict[int, Said] = {}
    for theirs, said in rows:
        found = matcher.found(entity_type, theirs)
        if found is None:
            outcome.missed.append(f"{entity_type}: {theirs.text}")
            continue
        entity_id, by = found
        outcome.found[by] += 1
        known = given.get(entity_id, NOTHING)
        given[entity_id] = _together(known, said)._replace(plays=known.plays + said.plays)
    return given


def _together(one: Said, other: Said) -> Said:
    """The star and rating of the first, where it has any; the more plays, the later one."""
    return Said(
        one.starred_at or other.starred_at,
        one.rating or other.rating,
        max(one.plays, other.plays),
        max(filter(None, (one.played_at, other.played_at)), default=None),
    )


_SAID = tuple(getattr(Annotation, name) for name in Said._fields)


def _changed(user_id: int, entity_type: EntityType, given: Mapping[int, Said]) -> dict[int, Said]:
    """What is to be written, of those that have it not."""
    known: dict[int, Said] = {}
    for ids in slices(sorted(given)):
        query = Annotation.select(Annotation.entity_id, *_SAID).where(
            Annotation.user == user_id,
            Annotation.entity_type == entity_type,
            among(Annotation.entity_id, ids),
        )
        known.update((entity_id, Said._make(row)) for entity_id, *row in tuples(query))
    wanted = {each: _together(known.get(each, NOTHING), said) for each, said in given.items()}
    return {each: said for each, said in wanted.items() if said != known.get(each, NOTHING)}


def _write(user_id: int, entity_type: EntityType, changed: Mapping[int, Said]) -> None:
    keys = [(user_id, entity_type.value, entity_id) for entity_id in sorted(changed)]
    insert_missing(Annotation, ["user", "entity_type", "entity_id"], keys)
    for entity_id, said in changed.items():
        Annotation.update(**said._asdict()).where(
            Annotation.user == user_id,
            Annotation.entity_type == entity_type,
            Annotation.entity_id == entity_id,
        ).execute()


def _bring_playlist(
    user_id: int, theirs: TheirPlaylist, matcher: Matcher, outcome: Outcome, *, dry_run: bool
) -> bool:
    """Have a playlist, new or brought before, hold these tracks; whether it did not."""
    wanted: list[int] = []
    for each in theirs.tracks:
        found = matcher.found(EntityType.TRACK, each)
        if found is None:
            outcome.missed.append(f"{theirs.name}: {each.text}")
        else:
            outcome.found[found[1]] += 1
            wanted.append(found[0])
    if len(wanted) > playlists.MOST_TRACKS:
        left = len(wanted) - playlists.MOST_TRACKS
        outcome.missed.append(f"{theirs.name}: the last {left:,} tracks, for it would be too long")
        wanted = wanted[: playlists.MOST_TRACKS]
    row = Playlist.get_or_none(Playlist.user == user_id, Playlist.source == theirs.source)
    if not wanted or (row is not None and _is_same(row, theirs.name, wanted)):
        return False
    if dry_run:
        return True
    if row is None:
        playlists.create(user_id, theirs.name, wanted, theirs.source)
    else:
        playlists.replace(int(row.id), wanted, theirs.name)
    return True


def _is_same(row: Any, name: str, track_ids: list[int]) -> bool:
    return row.name == name and playlists.tracks_in(row.id) == track_ids


def path_of(given: bytes) -> str:
    """A path of a file or a table in the form that paths have here."""
    return to_text(given.replace(b"\\", b"/") if b"/" not in given else given)


def moment_of(text: object) -> datetime | None:
    """A moment as SQLite programs write it, in UTC; None of what is none."""
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text).strip()))
    except ValueError:
        return None
    found = found.astimezone(UTC) if found.tzinfo else found
    return found.replace(tzinfo=None) if found.year > 1 else None  # Go's zero
