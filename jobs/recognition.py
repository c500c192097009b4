"""Which track's file a new file is: one that was moved, or renamed and retagged at once.

A moved file has all its bytes. One that was retagged too has its sound, or its MusicBrainz track
id, and perhaps some of what it said before. Only a track whose file is gone can be found again: of
two copies that are there each is a track of its own.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from db.library import track_files
from db.library.artists import credits_of
from db.library.track_files import GoneFile, KnownSound, TrackKey
from db.models import EntityType
from db.scanning import roots
from db.scanning.library_files import folder_of, group_folder
from db.sql.path_text import to_bytes
from jobs.content import content_id_of, of_whole_file
from jobs.records import FoundFile, TrackRecord


def recognise_moved(
    new: Iterable[FoundFile], gone: Iterable[GoneFile]
) -> dict[str, list[GoneFile]]:
    """The vanished tracks of each new path that is their moved file.

    That is so for one new and one vanished file of the same content and no other candidate.
    """
    vanished_by_content: dict[str, dict[str, list[GoneFile]]] = defaultdict(dict)
    sizes = set()
    for track in gone:
        files = vanished_by_content[of_whole_file(track.content_id)]
        files.setdefault(track.path, []).append(track)
        sizes.add(track.size)
    new_by_content: dict[str, list[FoundFile]] = defaultdict(list)
    for file in new:
        if file.size in sizes:
            new_by_content[_content_id(file)].append(file)
    return {
        files[0].path: tracks_of_it
        for content, files in new_by_content.items()
        if len(files) == 1 and len(vanished_by_content.get(content, {})) == 1
        for tracks_of_it in vanished_by_content[content].values()
    }


def with_tracks(
    new: Sequence[FoundFile], moved: Mapping[str, Sequence[GoneFile]]
) -> list[FoundFile]:
    """The new files, the moved ones among them with the id of their track."""
    return [
        replace(file, track_id=moved[file.path][0].id, moved=True) if file.path in moved else file
        for file in new
    ]


def moved_file(path: str, part: int, track: GoneFile | KnownSound) -> track_files.Move:
    """The move of a track to a path."""
    folder = folder_of(path)
    return track_files.Move(track.id, track.path, path, part, folder, group_folder(folder))


def _content_id(file: FoundFile) -> str:
    try:
        return content_id_of(to_bytes(file.path))
    except OSError:
        return ""  # reading it will say what is wrong


_ENOUGH = 2
"""What must speak for a track besides its sound, when another track has that too."""
_MOST_LIKE = 2_000
"""Tracks that are there, or seem to be, that new files are compared with."""


def recognise_retagged(
    records: Sequence[TrackRecord],
    known: Collection[TrackKey],
    root: str,
    vanished: Collection[int] = (),
) -> dict[TrackKey, KnownSound]:
    """The track that each record is of whose file was renamed and retagged; `known` are not new.

    Whatever speaks most for a track whose file is gone, and for no other as much, decides: not for
    another that is gone, and not for one that is there, of which the file is a copy. A sound that
    no other track has needs nothing else. The files are below `root`; `vanished` are tracks whose
    file is gone and that are not marked missing yet.
    """
    new = [record for record in records if record.key not in known]
    sounds = sorted({each.sound_id for each in new if each.sound_id})
    ids = sorted({each.tags.musicbrainz_track_id for each in new if each.tags.musicbrainz_track_id})
    gone = [*track_files.missing_like(sounds, ids), *_gone_elsewhere(sounds, ids, root)]
    if vanished:
        present = track_files.present_like(sounds, ids, None, _MOST_LIKE)
        gone += [each for each in present if each.id in vanished]
    if not gone:
        return {}
    of_gone = {each.sound_id for each in gone if each.sound_id is not None}
    common = track_files.common_sounds(of_gone & set(sounds))
    lost = {each.id for each in gone}
    there = track_files.present_like(sorted(common), [], None, _MOST_LIKE)
    there = [each for each in there if each.id not in lost]
    if vanished:  # they count as there
        common &= {str(each.sound_id) for each in there}
    likeness = _Likeness(gone, there, of_gone - common)
    matches = [match for number, record in enumerate(new) for match in likeness.of(number, record)]
    return {new[each.number].key: each.track for each in _decided(matches)}


def _gone_elsewhere(sounds: Sequence[str], ids: Sequence[str], root: str) -> Iterator[KnownSound]:
    """The tracks of other roots whose file is gone, as no scan has noticed yet."""
    if roots.are_several():
        present = track_files.present_like(sounds, ids, root, _MOST_LIKE)
        gone = roots.gone([each.path for each in present])
        yield from (each for each in present if each.path in gone)


class _Match(NamedTuple):
    score: int
    number: int
    """Of the record."""
    track: KnownSound


def _decided(matches: list[_Match]) -> Iterator[_Match]:
    """The best match of each record and each track, where none other is as good."""
    records, taken = set[int](), set[int]()
    matches.sort(key=lambda each: -each.score)
    for _, group in groupby(matches, key=lambda each: each.score):
        equal = [
            each for each in group if each.number not in records and each.track.id not in taken
        ]
        of_record = Counter(each.number for each in equal)
        of_track = Counter(each.track.id for each in equal)
        for each in equal:
            if of_record[each.number] == 1 and of_track[each.track.id] == 1:
                yield each
        records.update(of_record)
        taken.update(of_track)


class _Likeness:
    """How much speaks for it that a new file is that of a track."""

    def __init__(
        self, gone: Sequence[KnownSound], there: Sequence[KnownSound], alone: set[str]
    ) -> None:
        """`there` are tracks with the sound of one that is gone; none has those `alone`."""
        self._alone = alone
        self._gone: dict[str, list[KnownSound]] = defaultdict(list)
        self._there: dict[str, list[KnownSound]] = defaultdict(list)
        for found, each_of in ((self._gone, gone), (self._there, there)):
            for track in each_of:
                for key in {track.sound_id, track.musicbrainz_track_id} - {None, ""}:
                    found[str(key)].append(track)
        credits = credits_of(EntityType.TRACK, [each.id for each in (*gone, *there)])
        self._artists = {
            track_id: {each.name for each in credited} for track_id, credited in credits.items()
        }

    def of(self, number: int, record: TrackRecord) -> Iterator[_Match]:
        """The tracks that a record may be of."""
        keys = {record.sound_id, record.tags.musicbrainz_track_id} - {None, ""}
        gone = {track.id: track for key in keys for track in self._gone.get(str(key), ())}
        there = {track.id: track for key in keys for track in self._there.get(str(key), ())}
        copied = max((self._score(record, track) for track in there.values()), default=0)
        for track in gone.values():
            score = self._score(record, track)
            # Of what lies where the track lay, and is no more like another, nothing else is known.
            is_beside = folder_of(record.file.path) == track.folder and _same(
                record.tags.album, track.album_title
            )
            if score >= _ENOUGH and score + is_beside > copied:
                yield _Match(score, number, track)

    def _score(self, record: TrackRecord, track: KnownSound) -> int:
        tags, path = record.tags, record.file.path
        said = (
            2 * _same(tags.title, track.title)
            + 2 * _same(tags.album, track.album_title)
            + 2 * (bool(tags.artists) and set(tags.artists) == self._artists.get(track.id))
        )
        if said:
            said += (
                2 * (tags.track is not None and tags.track == track.track)
                + (tags.disc == track.disc)
                + 2 * _same(_stem(path), _stem(track.path))
                + _same(tags.date, track.date)
                + (folder_of(path) == track.folder)
            )
        by_id = _same(tags.musicbrainz_track_id, track.musicbrainz_track_id)
        return said + 20 * by_id + _ENOUGH * (track.sound_id in self._alone)


def _same(one: str | None, other: str | None) -> bool:
    return bool(one) and one == other


def _stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0]
