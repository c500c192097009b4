"""The logs of all programs, and those of a job, as they are and as they grow."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, render_template

from web.pages import is_json_wanted, text
from web.pages.scans import Streams
from worker.errors import BadInputError
from worker.supervisor.logs import (
    LEVELS,
    Entry,
    Followers,
    Wanted,
    moment_of,
    newest,
    processes_of,
)
from worker.topology.model import program_of

bp = Blueprint("logs", __name__)

_MOST = 200
_MOST_OF_JOB = 2_000
"""Entries on a page."""
_MOST_BYTES = 4 * 1024 * 1024
"""How far back in the log of each process what is looked for is read."""
_EVERY = 0.5


@bp.get("/logs")
def page() -> str | Response:
    """The newest entries by program, level, text, entity and time, or all of a job. Also as JSON.

    The newest stand first; in JSON they are in the order of time.
    """
    program, wanted = _asked()
    found = _found(program, wanted)
    if is_json_wanted():
        return jsonify(version=1, entries=[each.as_json() for each in found])
    programs = sorted({program_of(each) for each in processes_of(())})
    return render_template(
        "logs.html",
        entries=[_shown(each) for each in reversed(found)],
        programs=programs,
        program=program,
        levels=LEVELS,
        wanted=wanted,
        since=text("since"),
        most=_most(wanted),
        tab="logs",
    )


@bp.get("/logs/events")
def events() -> Response:
    """What is logged from now on, and what was since the page was made."""
    program, wanted = _asked()
    streams: Streams = current_app.extensions["streams"]
    return streams.of(_Growth(program, wanted).poll, _EVERY)


def _asked() -> tuple[str, Wanted]:
    """The program and the entries that the query names."""
    level, since = text("level").lower(), text("since")
    if level and level not in LEVELS:
        abort(400, f"There is no level {level!r}: write one of {', '.join(LEVELS)}.")
    wanted = Wanted(
        job=text("job"),
        attempt=text("attempt"),
        level=level,
        text=text("text"),
        entity=text("entity"),
    )
    try:
        processes_of(filter(None, [text("program")]))
        return text("program"), wanted._replace(since=moment_of(since) if since else None)
    except BadInputError as error:
        abort(404 if text("program") else 400, str(error))


def _found(program: str, wanted: Wanted) -> list[Entry]:
    names = processes_of(filter(None, [program]))
    most_bytes = None if wanted.mark else _MOST_BYTES
    return newest(names, _most(wanted), wanted, most_bytes)


def _most(wanted: Wanted) -> int:
    return _MOST_OF_JOB if wanted.job else _MOST


def _shown(entry: Entry) -> dict[str, Any]:
    """An entry for the page and its script."""
    marks = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
    at = entry.at.astimezone() if entry.at else None
    return {
        **entry.as_json(),
        "clock": f"{at:%Y-%m-%d %H:%M:%S}" if at else "",
        "mark": marks.get(entry.level, ""),
        "task": (task := entry.fields.get("name", "")),
        "text": entry.text.removeprefix(f"{task} {entry.fields.get('job')} "),
    }


class _Growth:
    """What is added to the logs. The first poll has what is newer than the page, too."""

    def __init__(self, program: str, wanted: Wanted) -> None:
        self._program, self._wanted = program, wanted
        self._followers = Followers([program] if program else [])
        after = text("after", 40)
        try:
            self._after = datetime.fromisoformat(after) if after else None
        except ValueError:
            abort(400, f"{after!r} is no time.")

    def poll(self) -> dict[str, object]:
        """The entries since the last call, in the order of time."""
        try:
            found = [each for each in self._followers.new_entries() if self._wanted.has(each)]
            if self._after is not None and self._after.tzinfo is not None:
                since = self._wanted._replace(since=self._after)
                before = _found(self._program, since)
                known = {tuple(each.lines) for each in found}
                found = [each for each in before if tuple(each.lines) not in known] + found
                found = [each for each in found if each.at is None or each.at > self._after]
            self._after = None
        except (BadInputError, OSError) as error:
            return {"fault": str(error), "entries": []}
        return {"entries": [_shown(each) for each in found[-_MOST:]]}
