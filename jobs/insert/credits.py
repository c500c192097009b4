"""Whom tracks and albums name, and what else hangs on tracks."""

from collections.abc import Mapping, Sequence

from db.library import albums, spellings, tracks
from db.library.names import Named, name_key, named
from db.library.track_files import TrackKey
from jobs.records import Grouping, TrackRecord


def said_of_artists(
    records: Sequence[TrackRecord], of_albums: Mapping[int, Sequence[Named]]
) -> dict[Named, list[str | None]]:
    """Whom tracks and albums name, each with the sort names that files give.

    A sort name belongs to a name only when a file gives as many of them as names.
    """
    said: dict[Named, list[str | None]] = {each: [] for row in of_albums.values() for each in row}
    for record in records:
        tags = record.tags
        credits = _named(record)
        said.update((each, []) for each in credits if each not in said)
        by_album = named(tags.album_artists, tags.musicbrainz_album_artist_ids)
        for names, sorts in ((credits, tags.artist_sorts), (by_album, tags.album_artist_sorts)):
            for each, sort_name in zip(names, _fitting(sorts, names), strict=False):
                if each in said:
                    said[each].append(sort_name)
    return said


def _fitting(sorts: Sequence[str], names: Sequence[Named]) -> Sequence[str]:
    return sorts if len(sorts) == len(names) else ()


def _named(record: TrackRecord) -> list[Named]:
    return named(record.tags.artists, record.tags.musicbrainz_artist_ids)


def write_parts(
    records: Sequence[TrackRecord],
    track_ids: Mapping[TrackKey, int],
    artists: Mapping[Named, spellings.Spelled],
) -> None:
    """Write the artists, genres, pictures and lyrics of tracks in place of what they had."""
    genres = spellings.ensure_genres(name for each in records for name in each.tags.genres)
    parts = tracks.Parts([], [], [], [])
    for record in records:
        track_id = track_ids[record.key]
        for position, artist in enumerate(_named(record)):
            parts.artists.append((track_id, position, *artists[artist]))
        for position, name in enumerate(record.tags.genres):
            parts.genres.append((track_id, position, *genres[name]))
        for position, picture in enumerate(record.pictures):
            parts.pictures.append(
                (track_id, position, picture.type, picture.mime, picture.bytes, picture.digest)
            )
        for position, each in enumerate(record.lyrics):
            said = each.source, each.language, each.is_synced, each.text
            parts.lyrics.append((track_id, position, *said))
    tracks.replace_parts(sorted(track_ids.values()), parts)


def album_artists(grouping: Grouping, album_ids: Mapping[str, int]) -> dict[int, list[Named]]:
    """The artists of albums, with the ids that their tracks give."""
    ids = albums.artist_ids(sorted(album_ids.values()))
    return {
        album_id: [Named(name, ids.get(album_id, {}).get(name_key(name))) for name in names]
        for key, names in grouping.album_artists.items()
        for album_id in (album_ids[key],)
    }
