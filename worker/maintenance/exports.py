"""Exports as people ask for them, in a terminal or in the web UI: checked before they begin."""

import os
import re
from importlib.util import find_spec
from typing import Any

from db import settings
from db.publishing import export_runs, written_files
from db.publishing.written_files import Kind
from db.scanning import scans
from db.sql.path_text import is_under, shown, to_text
from worker import dispatch
from worker.errors import BadInputError

IN_LIBRARY = (Kind.ART, Kind.TAGS)
"""What lies in the folders of the library, and names no folder of its own."""
PATTERN = "{albumartist}/{album} ({year})/{disc}{track} {title}"
"""The path of each file of a mirror, where none is given."""
_IN_PATTERN = ("albumartist", "artist", "album", "year", "disc", "track", "title", "name")


def checked(
    kind: Kind,
    folder: str | None = None,
    *,
    pattern: str = PATTERN,
    tags: bool = True,
    replaygain: bool = True,
) -> dict[str, Any]:
    """The options of an export. Raises BadInputError when it cannot be done so.

    `tags` is whether a mirror completes them, `replaygain` whether loudness is measured for them.
    The database is open.
    """
    if kind in IN_LIBRARY:
        return {"replaygain": replaygain} if kind is Kind.TAGS else {}
    place = named(folder or "")
    if kind is Kind.PARQUET and find_spec("pyarrow") is None:
        raise BadInputError(
            "Parquet needs the extra parquet — run `pip install 'musicfleet[parquet]'`"
        )
    if kind is not Kind.MIRROR:
        return {"folder": place}
    for root in scans.roots():
        if is_under(place, root) or is_under(root, place):
            raise BadInputError(
                f"{folder} and the library {shown(root)} lie in each other — name another folder"
            )
    unknown = [name for name in re.findall(r"\{(\w*)\}", pattern) if name not in _IN_PATTERN]
    if unknown or not pattern.strip("/ "):
        said = unknown[0] if unknown else pattern
        raise BadInputError(f"the pattern has {said!r} — write {', '.join(_IN_PATTERN)} in braces")
    return {"folder": place, "pattern": pattern, "tags": tags}


def checked_undo(kind: Kind, folder: str | None = None) -> dict[str, Any]:
    """The options of the undoing of an export. Raises BadInputError. The database is open."""
    places = written_files.places_of(kind)
    known = ", ".join(map(shown, places)) or "nothing"
    if kind in IN_LIBRARY:
        if folder is not None:
            raise BadInputError(f"{kind} lies in the library: leave out the folder")
        return {}
    if folder is None:
        raise BadInputError(f"name the folder that {kind} was written to: {known}")
    options = {"folder": named(folder)}
    if options["folder"] not in places:
        raise BadInputError(f"{kind} was not written to {folder} — it was to: {known}")
    return options


def named(folder: str) -> str:
    """A folder, as rows have it. Raises BadInputError for none, and for the data folder."""
    if not folder.strip():
        raise BadInputError("an export needs a folder to write to — name one")
    path = to_text(os.fsencode(os.path.realpath(settings.expanded(folder))))
    data_dir = to_text(os.fsencode(os.path.realpath(settings.data_dir())))
    if is_under(path, data_dir):
        raise BadInputError(f"{folder} is in the data folder — name a folder of your own")
    return path


def begin(kind: Kind, options: dict[str, Any], *, undo: bool = False) -> int:
    """Ask for an export, or its undoing, and return the id of its run."""
    run_id = export_runs.start(kind, options, undo=undo)
    dispatch.enqueue(export_runs.JOB, run_id=run_id)
    return run_id


def cancel(run_id: int) -> bool:
    """Cancel a run; False when it has ended already. Raises BadInputError when there is none.

    The job ends after the item that it is at.
    """
    if export_runs.get(run_id) is None:
        raise BadInputError(f"there is no export {run_id} — `fleet export list` names them")
    return export_runs.end(run_id, export_runs.CANCELLED)
