"""All that the web UI shows of one album, artist or track."""

from datetime import datetime
from typing import NamedTuple

from peewee import fn

from db.artwork.covers import Picture, fronts, pictures
from db.ledger import NeedState, need_state
from db.library.artists import Credit, credits_of
from db.library.gallery import FilterValue, disambiguations, year_of
from db.models import (
    IS_PRESENT,
    Album,
    Artist,
    ArtistName,
    AudioFeatures,
    EntityType,
    Genre,
    Guesses,
    Kind,
    LedgerRow,
    State,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.sql.queries import tuples


class TrackLine(NamedTuple):
    """A track of an album. Lengths are seconds, bit rates bits a second."""

    id: int
    title: str | None
    disc: int | None
    disc_subtitle: str | None
    number: int | None
    duration: float | None
    start: float | None
    """Where it begins in its file, in seconds; None where it is the file."""
    codec: str
    bit_rate: int | None
    sample_rate: int | None
    bit_depth: int | None
    path: str
    missing_since: datetime | None
    guessed: Guesses | None
    credit: str | None
    """The artists in one text, where the file has one beside the list."""
    artists: list[Credit]
    picture: Picture | None


class MissingCover(NamedTuple):
    """Why an album shows no cover."""

    kind: Kind
    state: State
    reason: str | None
    sources: list[str]
    """Where it was looked for."""
    look_again_at: datetime | None


class OtherEdition(NamedTuple):
    """Another album of the same release that has a track."""

    id: int
    edition: str | None


class AlbumPage(NamedTuple):
    """An album with its tracks, by disc, number and path."""

    id: int
    title: str | None
    album_artist: str | None
    artists: list[Credit]
    year: str | None
    date: str | None
    label: str | None
    catalogue_number: str | None
    compilation: bool
    musicbrainz_release_id: str | None
    edition: str | None
    """What distinguishes it from the other editions of its release."""
    editions: list[OtherEdition]
    guessed: Guesses | None
    """What none of its tracks says by its tags, and from what it was guessed."""
    genres: list[FilterValue]
    tracks: list[TrackLine]
    pictures: dict[str, Picture]
    """What it shows, by role."""
    lacks: list[MissingCover]


def album_page(album_id: int) -> AlbumPage | None:
    """The album, or None."""
    row: Album | None = Album.get_or_none(Album.id == album_id)
    if row is None:
        return None
    return AlbumPage(
        id=album_id,
        title=row.title,
        album_artist=row.album_artist,
        artists=credits_of(EntityType.ALBUM, [album_id]).get(album_id, []),
        year=year_of(row.original_date or row.date),
        date=row.date,
        label=row.label,
        catalogue_number=row.catalogue_number,
        compilation=row.compilation,
        musicbrainz_release_id=row.musicbrainz_release_id,
        edition=row.edition,
        editions=_other_editions(row),
        guessed=row.guessed,
        genres=_album_genres(album_id),
        tracks=_album_tracks(album_id),
        pictures=pictures(EntityType.ALBUM, [album_id], roles=()).get(album_id, {}),
        lacks=_missing_covers(album_id),
    )


def _other_editions(album: Album) -> list[OtherEdition]:
    if album.release is None:
        return []
    others = Album.select(Album.id, Album.edition).where(
        Album.release == album.release, Album.id != album.id, IS_PRESENT
    )
    return [OtherEdition(*row) for row in tuples(others.order_by(Album.edition, Album.id))]


def _album_genres(album_id: int) -> list[FilterValue]:
    """The genres of its tracks, the most frequent first."""
    query = (
        TrackGenre.select(Genre.id, Genre.name)
        .join(Genre)
        .switch(TrackGenre)
        .join(Track)
        .where(Track.album == album_id)
        .group_by(Genre.id, Genre.name)
        .order_by(fn.COUNT(Track.id).desc(), Genre.name)
    )
    return [FilterValue(str(genre_id), name) for genre_id, name in tuples(query)]


def _album_tracks(album_id: int) -> list[TrackLine]:
    query = Track.select(
        Track.id,
        Track.title,
        Track.disc,
        Track.disc_subtitle,
        Track.track,
        Track.duration,
        Track.start,
        Track.codec,
        Track.bit_rate,
        Track.sample_rate,
        Track.bit_depth,
        Track.path,
        Track.missing_since,
        Track.guessed,
        Track.artist_credit,
    ).where(Track.album == album_id)
    rows = list(tuples(query))
    ids = [row[0] for row in rows]
    credited, shown = credits_of(EntityType.TRACK, ids), fronts(EntityType.TRACK, ids)
    lines = [TrackLine._make((*row, credited.get(row[0], []), shown.get(row[0]))) for row in rows]
    there = {line.path for line in lines if line.missing_since is None}
    # Of a file that is there, what it was divided into before is no track that is gone.
    shown_lines = [each for each in lines if each.missing_since is None or each.path not in there]
    return sorted(shown_lines, key=lambda each: (each.disc or 1, each.number or 0, each.path))


def _missing_covers(album_id: int) -> list[MissingCover]:
    query = (
        LedgerRow.select(
            LedgerRow.kind,
            LedgerRow.state,
            LedgerRow.reason,
            LedgerRow.sources,
            LedgerRow.look_again_at,
        )
        .where(
            LedgerRow.kind.in_([Kind.COVER, Kind.REMOTE]),
            LedgerRow.entity_type == EntityType.ALBUM,
            LedgerRow.entity_id == album_id,
        )
        .order_by(LedgerRow.kind)
    )
    return [
        MissingCover(Kind(kind), State(state), *rest)
        for kind, state, *rest in tuples(query)
        if state != State.DONE
    ]


class ArtistPage(NamedTuple):
    """An artist. `tracks` are those that the artist plays on, and whose file is there."""

    id: int
    name: str
    disambiguation: str | None
    """What distinguishes the artist from others of the name; None where there is none."""
    musicbrainz_id: str | None
    sort_name: str | None
    spellings: list[str]
    """How files write the name, the one that most tracks use first."""
    tracks: int
    pictures: dict[str, Picture]
    """What is shown, by role."""


def artist_page(artist_id: int) -> ArtistPage | None:
    """The artist, or None."""
    row: Artist | None = Artist.get_or_none(Artist.id == artist_id)
    if row is None:
        return None
    tracks = (
        TrackArtist.select()
        .join(Track)
        .where(TrackArtist.artist == artist_id, Track.missing_since.is_null())
    )
    return ArtistPage(
        id=artist_id,
        name=row.name,
        disambiguation=disambiguations([artist_id]).get(artist_id),
        musicbrainz_id=row.musicbrainz_id,
        sort_name=row.sort_name,
        spellings=_spellings(row),
        tracks=int(tracks.count()),
        pictures=pictures(EntityType.ARTIST, [artist_id], roles=()).get(artist_id, {}),
    )


def _spellings(artist: Artist) -> list[str]:
    query = ArtistName.select(ArtistName.name).where(ArtistName.artist == artist.id)
    others = {name for (name,) in tuples(query)} - {artist.name}
    return [artist.name, *sorted(others)]


class TrackPage(NamedTuple):
    """A track. Lengths are seconds, rates Hz and bits a second."""

    id: int
    title: str | None
    path: str
    part: int
    """The number of the part of the file that it is; 0 for the whole file."""
    start: float | None
    """Where the part begins in the file."""
    disc: int | None
    number: int | None
    duration: float | None
    codec: str
    bit_rate: int | None
    sample_rate: int | None
    bit_depth: int | None
    tag_bpm: float | None
    """What the file's tags say the tempo is."""
    tag_key: str | None
    own_bpm: float | None
    """The tempo as the owner corrected it."""
    guessed: Guesses | None
    """What its tags do not say, and from what it was guessed."""
    missing_since: datetime | None
    album_id: int | None
    album_title: str | None
    year: str | None
    credit: str | None
    """The artists in one text, where the file has one beside the list."""
    artists: list[Credit]
    picture: Picture | None
    """Its own, or else its album's."""
    features: AudioFeatures | None
    analysis: NeedState
    """To do, without a row in the ledger: the next reconciliation asks for it."""
    is_outdated: bool
    """Whether the file has changed since it was analysed."""

    @property
    def found_bpm(self) -> float | None:
        """The tempo that was found, whatever the owner corrected."""
        if self.features is None:
            return None
        found = self.features.found or {"bpm": self.features.bpm}
        return found["bpm"]  # type: ignore[no-any-return]  # of a row

    @property
    def bpm(self) -> float | None:
        """The tempo as the owner corrected it, else as it was found."""
        return self.found_bpm if self.own_bpm is None else self.own_bpm

    @property
    def bpm_from(self) -> str | None:
        """Who says so: its `owner`, or its `sound`."""
        if self.own_bpm is not None:
            return "owner"
        return None if self.found_bpm is None else "sound"


def track_page(track_id: int) -> TrackPage | None:
    """The track, or None."""
    row: Track | None = Track.get_or_none(Track.id == track_id)
    if row is None:
        return None
    album: Album | None = Album.get_or_none(Album.id == row.album_id)
    features: AudioFeatures | None = AudioFeatures.get_or_none(AudioFeatures.track == track_id)
    return TrackPage(
        id=track_id,
        title=row.title,
        path=row.path,
        part=row.part,
        start=row.start,
        disc=row.disc,
        number=row.track,
        duration=row.duration,
        codec=row.codec,
        bit_rate=row.bit_rate,
        sample_rate=row.sample_rate,
        bit_depth=row.bit_depth,
        tag_bpm=row.bpm,
        tag_key=row.key,
        own_bpm=row.own_bpm,
        guessed=row.guessed,
        missing_since=row.missing_since,
        album_id=row.album_id,
        album_title=album.title if album else None,
        year=year_of(album.original_date or album.date) if album else None,
        credit=row.artist_credit,
        artists=credits_of(EntityType.TRACK, [track_id]).get(track_id, []),
        picture=_track_picture(track_id, row.album_id),
        features=features,
        analysis=need_state(Kind.ANALYSIS, EntityType.TRACK, track_id) or NeedState(State.TODO),
        is_outdated=features is not None and features.content_id != row.content_id,
    )


def _track_picture(track_id: int, album_id: int | None) -> Picture | None:
    own = fronts(EntityType.TRACK, [track_id]).get(track_id)
    if own is not None or album_id is None:
        return own
    return fronts(EntityType.ALBUM, [album_id]).get(album_id)
