"""The library in the database, and what was found there afterwards."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.enrichment.albums import TaggedAlbum
from bench.enrichment.discography import Discography
from db.enrichment import facts
from db.models import Album, AlbumArtist, Artist, EntityType, Track, TrackArtist
from db.sql.connection import transaction
from db.sql.queries import tuples


class Score(NamedTuple):
    """How many answers there are, were given, and were right."""

    there: int
    given: int
    right: int

    @property
    def precision(self) -> float:
        """Of what was given, how much is right."""
        return self.right / self.given if self.given else 1.0

    @property
    def recall(self) -> float:
        """Of what there is, how much was given and is right."""
        return self.right / self.there if self.there else 1.0


class Answer(NamedTuple):
    """What an entity is, what it was taken for, and which trouble its album has."""

    kind: str
    truth: str | None
    taken: str | None


def score(answers: Iterable[Answer]) -> Score:
    """The count."""
    found = list(answers)
    return Score(
        sum(each.truth is not None for each in found),
        sum(each.taken is not None for each in found),
        sum(each.taken is not None and each.taken == each.truth for each in found),
    )


def fill(albums: Sequence[TaggedAlbum]) -> None:
    """Write the library as a scan would have."""
    with transaction():
        for number, album in enumerate(albums, 1):
            _write(number, album)


def album_answers(albums: Sequence[TaggedAlbum]) -> list[Answer]:
    """Of each album the release group."""
    taken = _taken(EntityType.ALBUM, range(1, len(albums) + 1))
    return [Answer(a.kind, a.group, taken.get(n)) for n, a in enumerate(albums, 1)]


def edition_answers(albums: Sequence[TaggedAlbum]) -> list[Answer]:
    """Of each album the release, which is named only where it is certain."""
    ids = range(1, len(albums) + 1)
    taken = {k: v[0] for k, v in facts.fact_values(EntityType.ALBUM, ids, "release_id").items()}
    return [Answer(a.kind, a.release, taken.get(n)) for n, a in enumerate(albums, 1)]


def track_answers(albums: Sequence[TaggedAlbum]) -> list[Answer]:
    """Of each track the recording."""
    ids = dict(tuples(Track.select(Track.path, Track.id)))
    taken = _taken(EntityType.TRACK, sorted(ids.values()))
    return [
        Answer(album.kind, track.truth, taken.get(ids[_path(number, place)]))
        for number, album in enumerate(albums, 1)
        for place, track in enumerate(album.tracks, 1)
    ]


def artist_answers(albums: Sequence[TaggedAlbum], discography: Discography) -> list[Answer]:
    """Of each artist who is meant."""
    whose = {each.id: each.artist.id for r in discography.releases for each in r.recordings}
    truths: dict[str, tuple[str, str | None]] = {}
    for album in albums:
        truths.setdefault(album.artist, (album.kind, album.artist_truth))
        for track in album.tracks:
            truth = whose.get(track.truth or "", album.artist_truth)
            truths.setdefault(track.artist, (album.kind, truth))
    ids = dict(tuples(Artist.select(Artist.name, Artist.id)))
    taken = _taken(EntityType.ARTIST, sorted(ids.values()))
    return [Answer(kind, truth, taken.get(ids[name])) for name, (kind, truth) in truths.items()]


def _taken(entity_type: EntityType, ids: Sequence[int]) -> dict[int, str]:
    found = facts.fact_values(entity_type, ids, facts.IDENTITY[entity_type])
    return {entity_id: values[0] for entity_id, values in found.items()}


def _write(number: int, album: TaggedAlbum) -> None:
    artist = _artist(album.artist)
    row = Album.create(
        id=number,
        key=str(number),
        title=album.title,
        album_artist=album.artist,
        musicbrainz_release_id=album.release_id,
        musicbrainz_release_group_id=album.group_id,
    )
    AlbumArtist.create(album=row, position=0, artist=artist)
    for place, track in enumerate(album.tracks, 1):
        path = _path(number, place)
        made = Track.create(
            path=path,
            folder=f"/music/{number}",
            group_folder=f"/music/{number}",
            album=row,
            title=track.title,
            album_title=album.title,
            track=place,
            duration=track.seconds,
            isrcs=[track.isrc] if track.isrc else [],
            musicbrainz_recording_id=track.recording_id,
            codec="flac",
            container="flac",
            size=1,
            mtime_ns=1,
            content_id=path,
        )
        TrackArtist.create(track=made, position=0, artist=_artist(track.artist))


def _artist(name: str) -> Artist:
    found: Artist | None = Artist.get_or_none(Artist.name == name)
    return found or Artist.create(name=name)


def _path(number: int, place: int) -> str:
    return f"/music/{number}/{place:02}.flac"
