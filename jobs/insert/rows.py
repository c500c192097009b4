"""A track record as a row of `tracks`."""

from typing import Any

from db.album_folders import folder_of, group_folder
from jobs.records import TrackRecord

_RENAMED = {"album": "album_title", "album_artists": "album_artist_names"}
"""Tags whose column has another name, because `albums` and `album_artists` are tables."""
_ELSEWHERE = {"artists", "genres"}
"""Tags that have a table of their own."""


def track_row(record: TrackRecord, album_id: int | None) -> dict[str, Any]:
    """Every column of `tracks` but `id` and `added_at`, for this record."""
    tags = {
        _RENAMED.get(name, name): value
        for name, value in record.tags.as_json().items()
        if name not in _ELSEWHERE
    }
    folder = folder_of(record.file.path)
    return {
        "path": record.file.path,
        "folder": folder,
        "group_folder": group_folder(folder),
        "album": album_id,
        "size": record.file.size,
        "mtime_ns": record.file.mtime_ns,
        "content_id": record.content_id,
        "missing_since": None,
        **record.audio.as_json(),
        **tags,
    }
