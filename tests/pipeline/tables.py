"""The library's tables as values that two scans can be compared by: no ids, no times."""

from typing import Any

from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ArtistName,
    Cover,
    EmbeddedPicture,
    Genre,
    GenreName,
    Image,
    Problem,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.sql.queries import tuples

Content = dict[str, list[Any]]


def content(*, present_only: bool = True) -> Content:
    """What the tables say, sorted; by default without what is missing."""
    albums = {album.id: album.key for album in Album.select()}
    tracks = {
        track.id: track.path
        for track in Track.select()
        if not present_only or track.missing_since is None
    }
    artists = dict(tuples(Artist.select(Artist.id, Artist.key)))
    genres = dict(tuples(Genre.select(Genre.id, Genre.key)))
    names = {"album": albums, "track": tracks, "artist": artists}
    return {
        "tracks": [
            (track.path, albums.get(track.album_id), *_values(track))
            for track in Track.select().order_by(Track.path)
            if track.id in tracks
        ],
        "albums": sorted((album.key, *_values(album)) for album in Album.select()),
        "artists": sorted(
            tuples(Artist.select(Artist.key, Artist.name, Artist.sort_name)), key=str
        ),
        "artist_names": sorted(
            (artists[row.artist_id], row.name, row.by_id) for row in ArtistName.select()
        ),
        "genre_names": sorted((genres[row.genre_id], row.name) for row in GenreName.select()),
        "track_artists": sorted(
            (tracks[row.track_id], row.position, artists[row.artist_id])
            for row in TrackArtist.select()
            if row.track_id in tracks
        ),
        "album_artists": sorted(
            (albums[row.album_id], row.position, artists[row.artist_id])
            for row in AlbumArtist.select()
        ),
        "track_genres": sorted(
            (tracks[row.track_id], row.position, genres[row.genre_id])
            for row in TrackGenre.select()
            if row.track_id in tracks
        ),
        "pictures": sorted(
            (tracks[row.track_id], row.position, row.type, row.digest)
            for row in EmbeddedPicture.select()
            if row.track_id in tracks
        ),
        "covers": sorted(
            (cover.entity_type, name, cover.role, cover.image.digest, cover.source)
            for cover in Cover.select(Cover, Image).join(Image)
            if (name := names[cover.entity_type].get(cover.entity_id))
        ),
        "problems": sorted(tuples(Problem.select(Problem.path, Problem.stage, Problem.code))),
    }


def _values(row: Track | Album) -> tuple[str, ...]:
    skipped = {"id", "album", "added_at", "key", "path"}
    return tuple(f"{name}={row.__data__[name]}" for name in row.__data__ if name not in skipped)
