"""What a scan finds: the files on disk against those that the database knows.

New and changed files during the walk, moved and missing ones at its end; a preview only counts.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from db import settings
from db.artwork import picture_files
from db.artwork.picture_files import SeenImage
from db.library import track_files
from db.library.track_files import TrackKey
from db.maintenance import library_roots
from db.publishing.written_files import OwnArt
from db.scanning import problems, roots, scans
from db.scanning.library_files import (
    ARTIST_NFO,
    SHEET_EXTENSION,
    Scope,
    companions_of,
    extension_of,
    folder_of,
    group_folder,
    is_companion,
    reader_of,
    recordable,
)
from db.scanning.problems import FileProblem, Stage
from db.scanning.selection import Selection
from db.sql.path_text import is_under, to_bytes, to_text
from jobs.recognition import (
    moved_file,
    recognise_moved,
    recognise_retagged,
    with_tracks,
)
from jobs.records import FoundFile, ProblemCode, TrackRecord
from jobs.scan.chunks import Sender
from jobs.scan.tree_walk import FolderGroup, SeenFile, Walk

_MOST_HELD_BACK = 20_000
"""New files beside known ones that wait for the walk's end; of more only those that a track may
have been to the byte."""


@dataclass
class Comparison:
    """A walk against what was known when it began.

    What the walk comes across is taken out of the known, so that what is left at its end is gone;
    a million known files need their memory only once.
    """

    tracks: dict[str, track_files.KnownFile]
    unreadable: dict[str, problems.SeenFile]
    images: dict[str, SeenImage]
    sizes: set[int]
    """The sizes of the known tracks: a new file could be the moved form of one."""
    known: int
    """How many tracks were known."""
    deep: bool
    are_missing: bool
    """Whether any track is marked missing."""
    extensions: frozenset[str] = frozenset()
    """Those that the owner takes in too."""
    found: int = 0
    unchanged: int = 0
    held_back: list[FoundFile] = field(default_factory=list)
    """New files that may be those of known tracks: that is known only when the walk has ended."""
    artist_nfo: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Of each folder that was walked its artist.nfo, and whether that is new or changed: it speaks
    of the music in the folders right below too, which are walked after it."""
    is_part: bool = False
    """Whether just a part of the root is walked."""

    def files_to_read(self, group: FolderGroup) -> list[FoundFile]:
        """The new and changed files of a group; new ones that may be known tracks are held back.

        One beside which something changed that speaks of it counts as changed.
        """
        changed: list[FoundFile] = []
        new: list[FoundFile] = []
        self.found += len(group.audio)
        companions, others = self._companions(group)
        for file in group.audio:
            track = self.tracks.pop(file.path, None)
            failed = self.unreadable.pop(file.path, None)
            is_same = _is_unchanged(file, track, failed, self.extensions)
            if is_same and not self.deep and not (others and companions_of(file.path, others)):
                self.unchanged += 1
                continue
            beside = companions_of(file.path, companions) if companions else []
            track_id = track.id if track else None
            found = FoundFile(file.path, file.size, file.mtime_ns, track_id, beside=beside)
            (new if track is None and failed is None else changed).append(found)
        if self.known and len(self.held_back) < _MOST_HELD_BACK:
            self.held_back += new
            return changed
        moved = self._sizes_of_moved(new)
        self.held_back += [file for file in new if file.size in moved]
        return changed + [file for file in new if file.size not in moved]

    def _companions(self, group: FolderGroup) -> tuple[list[str], list[str]]:
        """What lies beside the music of a group and speaks of it; what of it is new or changed."""
        seen = {file.path: file for file in group.images if is_companion(file.path)}
        changed = [path for path, file in seen.items() if _image(file) != self.images.get(path)]
        for path in seen:
            if path.lower().endswith(f"/{ARTIST_NFO}"):
                self.artist_nfo[folder_of(path)] = path, path in changed
        above, is_changed = self.artist_nfo.get(folder_of(group.folder), ("", False))
        if self.is_part and not above:
            near = _companions_near([folder_of(group.folder)])
            above = next((each for each in near if each.lower().endswith(f"/{ARTIST_NFO}")), "")
        if above:
            return [*seen, above], [*changed, above] if is_changed else changed
        return list(seen), changed

    def _sizes_of_moved(self, new: Iterable[FoundFile]) -> set[int]:
        """The sizes of those new files that a track may have been, a missing one too."""
        sizes = {file.size for file in new}
        known = sizes & self.sizes
        return known | (track_files.missing_sizes(sizes - known) if self.are_missing else set())

    def changed_images(self, group: FolderGroup) -> list[SeenImage]:
        """The new and changed picture files of a group."""
        images = list(map(_image, group.images))
        for path in group.unreadable:
            self.images.pop(path, None)
        return [image for image in images if self.images.pop(image.path, None) != image]


def _image(file: SeenFile) -> SeenImage:
    return SeenImage(file.path, folder_of(file.path), file.size, file.mtime_ns)


def compare(root: str, *, deep: bool, scope: Scope | None = None) -> Comparison:
    """A comparison with everything known of `root`, or of that part of it."""
    known = track_files.known_files(root, scope)
    return Comparison(
        tracks=known,
        unreadable=problems.known_files(root, problems.Stage.READING, scope),
        images=picture_files.known_folder_images(root, scope),
        sizes={track.size for track in known.values()},
        known=len(known),
        deep=deep,
        are_missing=track_files.missing_count() > 0,
        is_part=scope is not None,
        extensions=Selection.of_settings().extensions,
    )


def not_found(known: Iterable[str], unreadable: Iterable[str]) -> list[str]:
    """Those of the paths left over that lie where the walk could look."""
    unlisted = list(unreadable)
    return [path for path in known if not any(is_under(path, folder) for folder in unlisted)]


def vanished(comparison: Comparison, unreadable: Iterable[str]) -> list[int]:
    """The ids of the tracks that were there and are not found any more."""
    gone = [comparison.tracks[path] for path in not_found(comparison.tracks, unreadable)]
    return [each for file in gone if not file.missing for each in file.parts or (file.id,)]


def _is_unchanged(
    file: SeenFile,
    track: track_files.KnownFile | None,
    failed: problems.SeenFile | None,
    taken: Collection[str],
) -> bool:
    """Whether a file needs no reading. `taken` are extensions of which videos are taken in."""
    state = (file.size, file.mtime_ns, reader_of(file.path))
    if failed is not None:
        is_taken = failed.is_video and extension_of(to_bytes(file.path)) in taken
        return state == (failed.size, failed.mtime_ns, failed.reader) and not is_taken
    if track is None or track.missing:
        return False
    return state == (track.size, track.mtime_ns, track.reader)


def end_walk(sender: Sender, comparison: Comparison, walk: Walk, scope: Scope | None) -> None:
    """Send the files held back, mark tracks missing whose file is gone, and end the walk.

    All of it is one commit: what was marked or moved without its chunks would stay grouped as it
    was, and no later scan would notice.
    """
    mounts = _note_absent_mounts(walk)
    gone = vanished(comparison, walk.unreadable)
    sizes = {file.size for file in comparison.held_back}
    candidates = {track.id: track for track in track_files.gone_files(gone, sizes)}
    gone = [
        each for each in gone if each in candidates and candidates[each].path in comparison.tracks
    ]  # others were found elsewhere meanwhile
    moved = recognise_moved(comparison.held_back, candidates.values())
    new = with_tracks(comparison.held_back, moved)
    found = [(path, track) for path, each in moved.items() for track in each]
    lost = [candidates[each] for each in sorted(set(gone) - {track.id for _, track in found})]
    left = [*(track for _, track in found), *lost]
    with sender.commit():
        track_files.mark_missing([track.id for track in lost])
        track_files.move(moved_file(path, track.part, track) for path, track in found)
        for folder, files in _by_group(new).items():
            sender.add(folder, files, [])
        sender.flush()
        sender.regroup(sorted({track.group_folder for track in left}))
        for stage in (Stage.COVER, Stage.ANALYSIS):
            problems.clear([track.path for track in left], stage)
        _forget_the_rest(sender, comparison, walk, {file.path for file in new})
        _list_faults(to_text(walk.root), walk, scope)
        problems.write_notes(to_text(walk.root), walk.left_out.notes(), scope)
        scans.record_walk(
            sender.scan_id,
            **walked(comparison, walk),
            missing=len({track.path for track in lost}),
            mounts=None if scope else mounts,
        )


def _note_absent_mounts(walk: Walk) -> list[str]:
    """Have the walk know what is mounted below its root and away; all that is mounted there.

    Nothing can be said of what lies there.
    """
    mounts = roots.mounts_below(to_text(walk.root))
    walk.unreadable.update(dict.fromkeys(mounts.away, "its disk or share is not mounted"))
    return mounts.known


def _forget_the_rest(
    sender: Sender, comparison: Comparison, walk: Walk, sent: Collection[str]
) -> None:
    """Drop the picture files, and the problems of audio files, that are gone.

    What a companion spoke of that is gone is read again, unless it was sent.
    """
    images = not_found(comparison.images, walk.unreadable)
    left_alone = _left_alone(set(filter(is_companion, images)))
    left = [each for each in left_alone if each.path not in sent]
    sender.flush()  # a chunk has each file once
    for folder, files in _by_group(left).items():
        sender.add(folder, files, [])
    sender.flush()
    sender.forget_images([comparison.images[path] for path in images])
    for stage in (Stage.COVER, Stage.CUE_SHEET, Stage.COMPANION):
        problems.clear(images, stage)
    problems.clear(not_found(comparison.unreadable, walk.unreadable), Stage.READING)


_OF_DISCS_TOO = (".nfo", f".{SHEET_EXTENSION}")


def _left_alone(gone: Collection[str]) -> list[FoundFile]:
    """The known files that these companions, which are gone, spoke of."""
    found: dict[str, FoundFile] = {}
    for folder in sorted({folder_of(path) for path in gone}):
        spoke = [path for path in gone if folder_of(path) == folder]
        below = any(path.lower().endswith(_OF_DISCS_TOO) for path in spoke)
        scope = Scope.of([] if below else [folder], [folder] if below else [])
        for path, track in track_files.known_files(folder, scope).items():
            if not track.missing and companions_of(path, spoke):
                with suppress(OSError):  # it went meanwhile
                    status = os.stat(to_bytes(path))
                    beside = _beside(path, gone)
                    state = (status.st_size, status.st_mtime_ns)
                    found[path] = FoundFile(path, *state, track.id, beside=beside)
    return list(found.values())


def _beside(path: str, gone: Collection[str]) -> list[str]:
    """The companions of a file without these."""
    album = group_folder(folder_of(path))
    near = _companions_near([folder_of(path), album, folder_of(album)])
    return companions_of(path, sorted(near.difference(gone)))


def _companions_near(folders: Collection[str]) -> set[str]:
    """The known files in these folders that speak of music."""
    names = picture_files.folder_images_in(set(folders))
    return {f"{place}/{name}" for place in names for name in names[place] if is_companion(name)}


def walked(comparison: Comparison, walk: Walk) -> dict[str, Any]:
    """How far the walk has come, as `scans.record_walk` takes it."""
    return {
        "found": comparison.found,
        "unchanged": comparison.unchanged,
        "pictures": walk.pictures,
        "left_out": walk.left_out.counts,
    }


def _list_faults(root: str, walk: Walk, scope: Scope | None) -> None:
    """Record a problem for each folder that could not be listed, and delete those of others."""
    faults = {
        **{path: f"cannot be listed: {reason}" for path, reason in walk.unreadable.items()},
        **walk.remarks,
    }
    faults = {recordable(path): message for path, message in faults.items()}
    known = problems.known_files(root, Stage.SCAN, scope)
    problems.clear([path for path in known if path not in faults], Stage.SCAN)
    problems.record(
        [
            FileProblem(path, Stage.SCAN, ProblemCode.UNREADABLE, message)
            for path, message in faults.items()
        ]
    )


def _by_group(files: Sequence[FoundFile]) -> dict[str, list[FoundFile]]:
    groups: dict[str, list[FoundFile]] = {}
    for file in files:
        groups.setdefault(group_folder(folder_of(file.path)), []).append(file)
    return groups


def preview(root: str, *, deep: bool) -> dict[str, Any]:
    """Walk a root, and count what a scan would read, move and mark missing.

    New files are read where some may be those of tracks whose file is gone, renamed and retagged.
    """
    comparison, to_read = compare(root, deep=deep), []
    place = None if comparison.known else library_roots.found_again(root)
    walk = Walk(to_bytes(root), os.fsencode(settings.data_dir()), own=OwnArt.below(root))
    for group in walk.groups():
        to_read += comparison.files_to_read(group)
    _note_absent_mounts(walk)
    gone = vanished(comparison, walk.unreadable) if comparison.found else []
    sizes = {file.size for file in comparison.held_back}
    candidates = list(track_files.gone_files(gone, sizes))
    moved = recognise_moved(comparison.held_back, candidates)
    found = {track.id for each in moved.values() for track in each}
    paths = set(moved)
    new = [file for file in (*to_read, *comparison.held_back) if file.track_id is None]
    if gone or comparison.are_missing:
        retagged = _retagged(
            [file for file in new if file.path not in paths], root, {*gone} - found
        )
        paths |= {path for path, _ in retagged}
        found |= set(retagged.values())
    return {
        "root": root,
        "counts": {
            "found": comparison.found,
            "new": len(new) - len(paths),
            "changed": len(to_read) + len(comparison.held_back) - len(new),
            "moved": len(paths),
            "missing": len({each.path for each in candidates if each.id in {*gone} - found}),
            "unchanged": comparison.unchanged,
        },
        "pictures": walk.pictures,
        "left_out": dict(walk.left_out.counts),
        "former_root": place.old if place else None,
    }


_MOST_PREVIEWED = 5_000
"""New files that a preview reads: it takes some seconds."""


def _retagged(new: Sequence[FoundFile], root: str, gone: Collection[int]) -> dict[TrackKey, int]:
    """The tracks that new files are, renamed and retagged, as insertion finds them."""
    from jobs.metadata.reader import read_as_json  # noqa: PLC0415  # only a preview reads files

    read = read_as_json(new[:_MOST_PREVIEWED], root=roots.root_of(f"{root}/"))
    files = [TrackRecord.from_json(each.json) for each in read if each.is_track]
    records = [track for file in files for track in file.tracks()]
    found = recognise_retagged(records, (), root, gone)
    return {key: track.id for key, track in found.items()}
