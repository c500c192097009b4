"""The end of a walk: telling moved files from new ones, and taking leave of what is gone."""

from collections.abc import Sequence

from db import problems, tracks
from db.album_folders import folder_of, group_folder
from db.connection import transaction
from db.problems import Stage
from jobs.records import FoundFile
from jobs.scan import comparing
from jobs.scan.comparing import Comparison
from jobs.scan.sending import Sender
from jobs.scan.walking import Walk


def take_leave(sender: Sender, comparison: Comparison, walk: Walk) -> int:
    """Send the files held back, mark tracks missing whose file is gone, and return how many."""
    gone = comparing.vanished(comparison, walk.unreadable)
    candidates = {track.id: track for track in tracks.gone_files(gone)}
    moved = comparing.recognise_moved(comparison.held_back, candidates.values())
    new = comparing.with_tracks(comparison.held_back, moved)
    missing = sorted(set(gone) - {track.id for track in moved.values()})
    with transaction():
        tracks.mark_missing(missing)
        tracks.move(_move(path, track.id) for path, track in moved.items())
    for folder, files in _by_group(new).items():
        sender.add(folder, files, [])
    sender.flush()
    left = [*moved.values(), *(candidates[track_id] for track_id in missing)]
    sender.regroup(sorted({track.group_folder for track in left}))
    problems.clear([track.path for track in left], Stage.COVER)
    _forget_the_rest(sender, comparison, walk)
    return len(missing)


def _forget_the_rest(sender: Sender, comparison: Comparison, walk: Walk) -> None:
    """Drop the picture files, and the problems of audio files, that are gone."""
    images = comparing.not_found(comparison.images, walk.unreadable)
    sender.forget_images([comparison.images[path] for path in images])
    problems.clear(images, Stage.COVER)
    problems.clear(comparing.not_found(comparison.unreadable, walk.unreadable), Stage.READING)


def _move(path: str, track_id: int) -> tracks.Move:
    folder = folder_of(path)
    return tracks.Move(track_id, path, folder, group_folder(folder))


def _by_group(files: Sequence[FoundFile]) -> dict[str, list[FoundFile]]:
    groups: dict[str, list[FoundFile]] = {}
    for file in files:
        groups.setdefault(group_folder(folder_of(file.path)), []).append(file)
    return groups
