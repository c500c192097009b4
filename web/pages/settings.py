"""The settings: shown by group, written into settings.toml, and applied by `fleet reload`."""

import os
import subprocess
import sys
from itertools import groupby
from typing import NamedTuple

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from db.errors import SettingError
from db.maintenance import notices
from db.scanning import problems
from db.settings import settings_file
from db.settings.declarations import PLACES, SETTINGS, Setting
from worker.supervisor import fleet_environment

bp = Blueprint("settings", __name__)
_LONGEST = 10_000
_SECONDS = 60
_NOTICES = 8


class Row(NamedTuple):
    """A setting as the page shows it."""

    setting: Setting
    value: str
    """What settings.toml has; never a secret."""
    is_set: bool
    fixed: str
    """Why it cannot be changed here; empty when it can."""


@bp.get("/settings")
def page() -> str:
    """Every setting with its value, and whether `fleet reload` has something to apply."""
    return _page()


@bp.post("/settings/<key>")
def change(key: str) -> Response | tuple[str, int]:
    """Write one setting, or take it out where its field was left empty."""
    row = next((each for each in _rows()[0] if each.setting.key == key), None)
    if row is None or row.fixed:
        abort(404)
    text = request.form.get("value", "")[:_LONGEST].strip()
    if (text or row.is_set) and (fault := save(key, text)):
        return _page(key, fault), 400
    return redirect(url_for("settings.page", _anchor=key), 303)


def save(key: str, text: str) -> str:
    """Write a setting into settings.toml; empty text takes it out. Returns the fault, or ""."""
    arguments = ["set", key, "-"] if text else ["unset", key]
    done = _run("settings", *arguments, text=text)
    return _fault(done) if done.returncode else ""


@bp.post("/settings/notify/test")
def send_test() -> Response | tuple[str, int]:
    """Send a test message by the services that are saved, also before the fleet takes them."""
    done = _run("notify", "test")
    if done.returncode:
        return _page("notify", _fault(done)), 502
    return redirect(url_for("settings.page", sent=1, _anchor="notify"), 303)


@bp.post("/settings")
def apply() -> Response:
    """Have the running fleet take the file."""
    take_up()
    return redirect(url_for("settings.page", applied=1), 303)


def take_up() -> None:
    """Begin to have the fleet take the file; this program, if that restarts it, ends by that."""
    # A session of its own, or it would end with this program.
    subprocess.Popen(
        _command("reload", "--yes"),
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _page(key: str = "", fault: str = "") -> str:
    rows, of_file = _rows()
    rows.sort(key=lambda row: row.setting.group == PLACES)  # what is not changed here comes last
    groups = [(name, list(each)) for name, each in groupby(rows, lambda row: row.setting.group)]
    return render_template(
        "settings.html",
        groups=groups,
        key=key,
        fault=fault,
        of_file=of_file,
        is_edited=fleet_environment.is_edited() and not of_file,
        is_applying="applied" in request.args,
        is_sent="sent" in request.args,
        notices=[(each, notices.outcome(each)) for each in notices.latest(_NOTICES)],
        file=settings_file.path(),
        tab="settings",
        count=problems.count(),
    )


def _rows() -> tuple[list[Row], str]:
    """The settings that may stand in the file, and the fault of the file."""
    fault, found = "", {}
    try:
        found = settings_file.values()
    except SettingError as error:
        fault = str(error)
    noted = fleet_environment.noted()
    rows = []
    for each in (each for each in SETTINGS if each.in_file):
        fixed = "" if not fault else "settings.toml has a fault"
        if each.group == PLACES:
            fixed = f"fleet settings set {each.key} …, then fleet down and fleet up"
        if each.name in noted or f"{each.name}_FILE" in noted:
            fixed = f"set by {each.name} where the fleet was started"
        text = "" if each.secret else noted.get(each.name, found.get(each.name, ""))
        is_set = each.name in found or f"{each.name}_FILE" in found
        rows.append(Row(each, text, is_set, fixed))
    return rows, fault


def _fault(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.strip().removeprefix("fleet: ")


def _run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `fleet` beside: it tries the values in its environment, which threads here share."""
    return subprocess.run(
        _command(*arguments),
        env=_environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "worker.cli", *arguments]


def _environment() -> dict[str, str]:
    """That of this process, without what supervisord.conf or settings.toml says to it."""
    own = {each.name for each in SETTINGS if each.in_file}
    outer = {name: text for name, text in os.environ.items() if name not in own}
    return outer | fleet_environment.noted()
