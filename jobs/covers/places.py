"""Which folders' pictures are an album's own."""

from collections import Counter
from collections.abc import Mapping, Sequence

from db import covers, scans
from db.album_folders import group_folder
from db.covers import TrackPlace
from db.paths import is_under
from jobs.covers.folder_images import Folder


class Places:
    """The folders of some albums' present tracks, and whose pictures lie there."""

    def __init__(self, tracks: Mapping[int, Sequence[TrackPlace]]) -> None:
        """`tracks` are the present tracks of each album, in order."""
        self._own = {
            album_id: list(dict.fromkeys(track.folder for track in members))
            for album_id, members in tracks.items()
        }
        self._albums_in = covers.albums_in({each for own in self._own.values() for each in own})
        self._roots = scans.roots()

    def root_of(self, folder: str) -> str:
        """The outermost library root that holds a folder; the folder itself when none does."""
        return min(
            (root for root in self._roots if is_under(folder, root)), key=len, default=folder
        )

    def folders_of(self, album_id: int) -> list[Folder]:
        """The folders whose pictures are this album's, the nearer first.

        These are the folders of its tracks, where others' tracks do not prevail, and the parent of
        its disc folders when nothing below that parent is another album's.
        """
        own = self._own[album_id]
        parents = dict.fromkeys(map(group_folder, own))
        return [
            *(
                Folder(path, 0, self.root_of(path))
                for path in own
                if _prevails(album_id, self._albums_in[path])
            ),
            *(
                Folder(path, 1, self.root_of(path))
                for path in parents
                if self._is_parent(path, album_id)
            ),
        ]

    def _is_parent(self, folder: str, album_id: int) -> bool:
        own = self._own[album_id]
        inside = any(is_under(folder, self.root_of(each)) for each in own)
        return folder not in own and inside and covers.holds_only(folder, album_id)


def _prevails(album_id: int, counts: Counter[int | None]) -> bool:
    """Whether at least half of a folder's tracks are this album's, and more than any other's."""
    mine = counts[album_id]
    others = [count for other, count in counts.items() if other not in (album_id, None)]
    return mine * 2 >= counts.total() and mine > max(others, default=0)
