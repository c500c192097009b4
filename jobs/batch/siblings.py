"""The known tracks that grouping goes by: of the same folders, and of their releases elsewhere."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from db.library import albums, tracks
from db.library.albums import title_and_disc
from db.library.artists import credits_of
from db.models import Album, EntityType, Guesses, Source, Track
from db.sql.connection import in_turn
from jobs.batch.parts import Grouped, folded
from jobs.batch.releases import ANYBODY
from jobs.records import Grouping


@dataclass(frozen=True)
class Known:
    """A known track as grouping sees it, and the album that it is in."""

    track_id: int
    grouped: Grouped
    album: Album | None
    disc: int | None
    """As it is shown."""
    guessed: Guesses | None


class Siblings:
    """What is known of the tracks of some group folders, and of their releases elsewhere."""

    def __init__(self, folders: Collection[str], replaced: Collection[str]) -> None:
        """`replaced` are the paths of tracks that are read again, or gone."""
        self._folders, self._replaced = set(folders), set(replaced)
        here = list(tracks.in_places(sorted(self._folders)))
        self.albums = {track.path: _album_of(track) for track in here}
        """The album of each path that is in one, of missing tracks too."""
        self._were = {release for track in here if (release := _release_of(track))}
        self._here = self._kept(track for track in here if track.missing_since is None)
        self._elsewhere: list[Track] = []
        self._whose: dict[str, set[str]] = defaultdict(set)
        """Whose albums of which titles those that are replaced or gone may have been."""
        for row in here:
            if row.path in self._replaced or row.missing_since is not None:
                self._whose[_title_key(row)] |= _may_have_been(row)
        self.releases: list[str] = []
        """The releases that they, and what is read, are of, or were."""
        self.titles: dict[str, list[str]] = {}
        """By title whose albums were looked for."""

    def here(self) -> list[Known]:
        """The present tracks of the folders."""
        return _known(self._here, is_here=True)

    def find_elsewhere(
        self, releases: Collection[str], titles: Mapping[str, Collection[str]]
    ) -> None:
        """Find the present tracks in other folders of these releases, and of those they were of.

        Also those of albums of these titles by these artists; see `jobs.batch.releases`.
        """
        whose = {
            title: self._whose.get(title, set()).union(titles.get(title, ()))
            for title in {*titles, *self._whose}
        }
        self.titles = {title: sorted(each) for title, each in sorted(whose.items())}
        same = albums.of_titles(list(self.titles))
        self.releases = sorted(
            self._were.union(releases, (each.release for each in same if _is_of(each, whose)))
        )
        found = tracks.of_releases(self.releases)
        self._elsewhere = self._kept(row for row in found if row.group_folder not in self._folders)

    def elsewhere(self) -> list[Known]:
        """What was found in other folders."""
        return _known(self._elsewhere, is_here=False)

    def mark(self) -> str:
        """What changes when one of all these does, or another comes."""
        every = (*self._here, *self._elsewhere)
        said = sorted((row.id, row.path, row.content_id, row.album_id) for row in every)
        return sha256(repr(said).encode()).hexdigest()[:16]

    def _kept(self, rows: Iterable[Track]) -> list[Track]:
        return [row for row in rows if row.path not in self._replaced]


def outdated(
    grouping: Grouping, folders: Collection[str], replaced: Collection[str], split: str | None
) -> set[str]:
    """These folders, when others have written what grouping should have gone by; else none.

    From here on they wait for the end of this transaction. Of a folder that was `split` the last
    part has all grouped once more: of two that end at once, the one that waited here.
    """
    in_turn([*folders, *grouping.releases, *grouping.titles])
    if grouping.mark is None:
        return set()
    siblings = Siblings(folders, replaced)
    siblings.find_elsewhere(grouping.releases, grouping.titles)
    return set() if siblings.mark() == grouping.mark else {*folders} - {split}


def is_guessed_here(guessed: Guesses | None) -> bool:
    """Whether a track's disc was guessed from what grouping guesses it from too."""
    return (guessed or {}).get("disc") in {Source.FOLDER, Source.ALBUM_TITLE}


def with_disc(guessed: Guesses | None, disc: int | None, source: Source) -> Guesses | None:
    """What was guessed of a track, with a disc, or none, from this."""
    others = {name: each for name, each in (guessed or {}).items() if name != "disc"}
    return (others | ({"disc": source} if disc else {})) or None


def _title_key(track: Track) -> str:
    return folded(title_and_disc(track.album_title or "")[0])


def _may_have_been(track: Track) -> set[str]:
    """Whose album a track was in; it may have kept others of its title from being one."""
    album = _album_of(track)
    is_plain = not (track.album_artist_names or track.compilation or track.musicbrainz_release_id)
    named = {f"name:{folded(album.album_artist)}"} if album else set()
    return named | ({ANYBODY} if is_plain else set())


def _is_of(album: albums.Titled, whose: Mapping[str, Collection[str]]) -> bool:
    """Whether an album is one of those by these artists."""
    wanted = whose[album.title_key]
    names = album.release.partition("\n")[2], folded((album.album_artist or "").replace("; ", "\n"))
    known = {*(f"name:{each}" for each in names), f"mbid:{album.musicbrainz_id}"}
    return ANYBODY in wanted or not known.isdisjoint(wanted)


def _release_of(track: Track) -> str | None:
    """What the album of a track is an edition of."""
    album = _album_of(track)
    return album.release if album else None


def _album_of(track: Track) -> Album | None:
    return track.album if track.album_id else None


def _known(rows: Sequence[Track], *, is_here: bool) -> list[Known]:
    artists = _names(EntityType.TRACK, [row.id for row in rows])
    of_albums = _names(EntityType.ALBUM, sorted({row.album_id for row in rows if row.album_id}))
    return [
        Known(
            row.id,
            Grouped(
                path=row.path,
                group_folder=row.group_folder,
                album_title=row.album_title,
                album_artists=row.album_artist_names,
                artists=artists.get(row.id, []),
                compilation=row.compilation,
                release_id=row.musicbrainz_release_id,
                title=row.title,
                disc=None if is_guessed_here(row.guessed) else row.disc,
                disc_total=row.disc_total,
                track=row.track,
                track_total=row.track_total,
                date=row.date,
                codec=row.codec,
                bit_depth=row.bit_depth,
                sample_rate=row.sample_rate,
                is_part=row.part > 0,
                is_album_guessed="album" in (row.guessed or {}),
                album_id=row.album_id,
                album_key=album.key if album else None,
                part_of=None if is_here else _release_of(row),
                credited=of_albums.get(row.album_id or 0, []),
                artist_ids=row.musicbrainz_artist_ids,
                album_artist_ids=row.musicbrainz_album_artist_ids,
            ),
            album,
            row.disc,
            row.guessed,
        )
        for row, album in ((row, _album_of(row)) for row in rows)
    ]


def _names(entity_type: EntityType, ids: Sequence[int]) -> dict[int, list[str]]:
    credited = credits_of(entity_type, ids)
    return {each: [credit.name for credit in credits] for each, credits in credited.items()}
