"""Listening: the file of a track as it is, whole or in parts, for the player of the pages."""

import mimetypes
import os

from flask import Blueprint, abort, request, send_file
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from db.files import opened
from db.library import tracks
from db.scanning import scans
from db.sql import path_text

bp = Blueprint("listening", __name__)

_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mka": "audio/x-matroska",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "audio/webm",
}
"""What a browser plays a file as; mimetypes knows other names of some."""


@bp.get("/tracks/<id:track_id>/file")
def file(track_id: int) -> Response:
    """The file of a track as it is; a browser asks for the part that it plays (Range)."""
    path = tracks.present_path(track_id)
    if path is None:
        abort(404, "There is no such track, or its file is gone.")
    real = os.path.realpath(path_text.to_bytes(path))
    if not any(path_text.is_under(path_text.to_text(real), root) for root in scans.roots()):
        abort(404, "The file is a link that leads out of the library.")
    try:
        sound = open(opened(real), "rb")  # noqa: SIM115  # the answer closes it
    except OSError as error:
        abort(404, f"The file cannot be read: {error.strerror}.")
    ending = os.path.splitext(path)[1].lower()
    status = os.fstat(sound.fileno())
    answer = send_file(
        sound,
        mimetype=_TYPES.get(ending) or mimetypes.types_map.get(ending) or "audio/x-unknown",
        download_name=path_text.shown(path).rpartition("/")[2],
        last_modified=status.st_mtime,
        etag=f"{status.st_mtime_ns}-{status.st_size}",
    )
    answer.content_length = status.st_size
    try:
        return answer.make_conditional(request, accept_ranges=True, complete_length=status.st_size)
    except HTTPException:  # there is no such part
        sound.close()
        raise
