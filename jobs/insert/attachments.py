"""What hangs on the tracks of a chunk: whom they name, their lyrics; problems of their files."""

from collections.abc import Mapping, Sequence

from db import ledger
from db.artwork import picture_files
from db.library import albums, spellings, track_files, tracks
from db.library.names import Named, name_key, named
from db.library.track_files import TrackKey
from db.scanning import problems, roots, scans
from db.scanning.problems import FileProblem, Stage
from db.scanning.selection import LeftOut
from jobs.records import PASSING, Grouping, ProblemCode, TrackRecord, UnreadFile


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


def write_problems(read: Sequence[TrackRecord], unread: Sequence[UnreadFile]) -> None:
    """Write the problems of a chunk's files and drop former ones, in its transaction."""
    problems.clear([record.file.path for record in read], Stage.READING)
    problems.record(list(map(_problem, unread)))
    _note_sheets(read)
    _note_unread(read)
    for each in unread:
        if each.signal is not None:
            where = ledger.Quarantine(each.file.path, scans.READING, each.signal)
            problem_id = problems.problem_id(each.file.path, Stage.READING)
            ledger.quarantine_file(problem_id, where, each.message)
    # A known file that cannot be opened just now is no less there: its track stays.
    gone = [each.file.path for each in unread if each.code is not ProblemCode.UNREADABLE]
    track_files.mark_missing(sorted(track_files.ids_in_files(gone).values()))


def _note_sheets(records: Sequence[TrackRecord]) -> None:
    """Note the cue sheets that are of no use, or have one in a file no more."""
    said = [each for record in records for each in record.sheets.items()]
    used = {sheet for sheet, why in said if why is None}
    unused = {sheet: why for sheet, why in said if why and sheet not in used}
    files = {record.file.path for record in records}
    problems.clear(sorted({*files, *used} - unused.keys()), Stage.CUE_SHEET)
    problems.record(
        [
            FileProblem(sheet, Stage.CUE_SHEET, LeftOut.CUE, f"cue sheet that is not used: {why}")
            for sheet, why in unused.items()
        ]
    )


def _note_unread(records: Sequence[TrackRecord]) -> None:
    """Note what lies beside the files and could not be read: the next scan reads it again."""
    beside = {path for record in records for path in record.file.beside}
    unread = {path: why for record in records for path, why in record.unread.items()}
    problems.clear(sorted(beside - unread.keys()), Stage.COMPANION)
    picture_files.look_again_at(unread)
    problems.record([_of_companion(path, *why) for path, why in unread.items()])


def _of_companion(path: str, number: int, says: str) -> FileProblem:
    obstacle = roots.obstacle(path, number)
    remedy = f"{obstacle.text}: {obstacle.remedy}" if obstacle else "replace or remove it"
    text = f"it cannot be read, so it says nothing of the music beside it: {says} — {remedy}"
    return FileProblem(path, Stage.COMPANION, ProblemCode.UNREADABLE, text)


def _problem(unread: UnreadFile) -> FileProblem:
    file = unread.file
    size, mtime_ns = (None, None) if unread.code in PASSING else (file.size, file.mtime_ns)
    code, message = unread.code, unread.message
    return FileProblem(file.path, Stage.READING, code, message, size, mtime_ns, unread.reader)
