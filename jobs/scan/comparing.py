"""What a scan finds: the files on disk against the files that the database knows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from db import folder_images, problems, tracks
from db.folder_images import SeenImage
from db.paths import is_under, to_bytes
from jobs.batch.folders import folder_of
from jobs.records import FoundFile
from jobs.scan.content import content_id_of
from jobs.scan.walking import FolderGroup, SeenFile

READING = "metadata"
"""The stage whose problems tell which files were read in vain."""


@dataclass
class Known:
    """What the database knows of a root when a scan begins."""

    tracks: dict[str, tracks.KnownFile]
    unreadable: dict[str, problems.SeenFile]
    images: dict[str, SeenImage]
    sizes: set[int] = field(default_factory=set)
    """The sizes of the tracks that a new file could be the moved form of."""


@dataclass
class Seen:
    """What the walk has come across so far."""

    audio: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    unchanged: int = 0
    held_back: list[FoundFile] = field(default_factory=list)
    """New files that may be moved ones: it is known only when the walk has ended."""


def load_known(root: str) -> Known:
    """Everything known of `root`, in three queries."""
    known = tracks.known_files(root)
    candidates = (*known.values(), *tracks.missing_files())
    return Known(
        tracks=known,
        unreadable=problems.known_files(root, READING),
        images=folder_images.known(root),
        sizes={track.size for track in candidates},
    )


def files_to_read(group: FolderGroup, known: Known, seen: Seen, *, deep: bool) -> list[FoundFile]:
    """The new and changed files of a group; what may have been moved is held back in `seen`."""
    to_read = []
    for file in group.audio:
        seen.audio.add(file.path)
        track = known.tracks.get(file.path)
        if not deep and _is_unchanged(file, track, known.unreadable.get(file.path)):
            seen.unchanged += 1
        elif track is not None:
            to_read.append(FoundFile(file.path, file.size, file.mtime_ns, track.id))
        elif file.size in known.sizes and file.path not in known.unreadable:
            seen.held_back.append(FoundFile(file.path, file.size, file.mtime_ns))
        else:
            to_read.append(FoundFile(file.path, file.size, file.mtime_ns))
    return to_read


def changed_images(group: FolderGroup, known: Known, seen: Seen) -> list[SeenImage]:
    """The new and changed picture files of a group."""
    images = [
        SeenImage(file.path, folder_of(file.path), file.size, file.mtime_ns)
        for file in group.images
    ]
    seen.images.update(image.path for image in images)
    return [image for image in images if known.images.get(image.path) != image]


def not_seen(known: Iterable[str], seen: set[str], unreadable: Iterable[str]) -> list[str]:
    """The known paths that the walk did not find, though it could look where they were."""
    unlisted = list(unreadable)
    return [
        path
        for path in known
        if path not in seen and not any(is_under(path, folder) for folder in unlisted)
    ]


def vanished(known: Known, seen: Seen, unreadable: Iterable[str]) -> list[tracks.KnownFile]:
    """The tracks that were there and are not found any more."""
    gone = [known.tracks[path] for path in not_seen(known.tracks, seen.audio, unreadable)]
    return [track for track in gone if not track.missing]


def recognise_moved(
    new: list[FoundFile], gone: Iterable[tracks.KnownFile]
) -> tuple[list[FoundFile], set[int]]:
    """Match new files with vanished ones: one of each with the same content and no other candidate.

    Returns the new files, the moved ones among them with the id of their track, and those ids.
    """
    vanished_by_content: dict[str, list[tracks.KnownFile]] = defaultdict(list)
    for track in gone:
        vanished_by_content[track.content_id].append(track)
    sizes = {track.size for tracks_ in vanished_by_content.values() for track in tracks_}
    new_by_content: dict[str, list[FoundFile]] = defaultdict(list)
    for file in new:
        if file.size in sizes:
            new_by_content[_content_id(file)].append(file)
    moved = {
        files[0].path: vanished_by_content[content][0].id
        for content, files in new_by_content.items()
        if len(files) == 1 and len(vanished_by_content.get(content, [])) == 1
    }
    files = [
        FoundFile(file.path, file.size, file.mtime_ns, moved[file.path], moved=True)
        if file.path in moved
        else file
        for file in new
    ]
    return files, set(moved.values())


def _is_unchanged(
    file: SeenFile, track: tracks.KnownFile | None, failed: problems.SeenFile | None
) -> bool:
    state = (file.size, file.mtime_ns)
    if failed is not None:
        return state == (failed.size, failed.mtime_ns)
    return track is not None and not track.missing and state == (track.size, track.mtime_ns)


def _content_id(file: FoundFile) -> str:
    try:
        return content_id_of(to_bytes(file.path))
    except OSError:
        return ""  # reading it will say what is wrong
