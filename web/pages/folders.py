"""The folders of music: the first one, further ones, where they moved, and which are forgotten."""

import os
from collections.abc import Iterator, Mapping
from datetime import time
from math import ceil
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from db.errors import SettingError
from db.maintenance import library_roots
from db.scanning import scans
from db.settings import Hours, analysis_hours, analysis_is_off
from db.settings.declarations import SETTINGS
from db.settings.provider_settings import named_providers
from db.settings.providers import PROVIDERS, Offers, Provider
from db.sql.path_text import is_under, shown, to_bytes
from web.pages.settings import save, take_up
from worker import dispatch
from worker.errors import BadInputError, JobFailedError
from worker.maintenance import roots
from worker.status.stages import expected_seconds
from worker.supervisor import fleet_environment
from worker.supervisor.rpc import is_up

bp = Blueprint("folders", __name__)

_LONGEST = 4096
"""Characters of a path, as Linux has it."""
_PATIENCE = 20.0
"""Seconds that a dry run may take while somebody waits for the page."""
_NIGHT = Hours(time(22), time(7))
_OFFERS = {
    Offers.ALBUM_COVERS: "covers of albums",
    Offers.ARTIST_IMAGES: "pictures of artists",
    Offers.FACTS: "facts",
}


class Choice(NamedTuple):
    """A provider that may be turned on."""

    name: str
    offers: str
    sends: str
    is_on: bool
    key: str
    """The key of its setting for an API key; empty when it needs none, or there is one."""
    is_free: bool
    """Whether it has a key that anybody may use."""
    needs_contact: bool


@bp.get("/folders")
def page() -> str:
    """The folders with their state, or the question for the first one."""
    return _page(_path())


@bp.get("/folders/inside")
def inside() -> Response:
    """The folders that a path may mean which somebody is typing."""
    return jsonify(roots.offered(_path()))


@bp.get("/folders/new")
def new() -> str:
    """What there is to know of a folder before it is added."""
    return _checked_page(_path())


@bp.post("/folders/preview")
def preview() -> str | tuple[str, int]:
    """A dry run: what a scan would find, which changes nothing."""
    path = _path()
    try:
        folder = roots.check(_real(path)).path
        found = _dry_run(folder) if is_up() else "The fleet is not up: fleet up starts it."
    except (BadInputError, SettingError, JobFailedError) as error:
        return _page(path, _sentence(error)), 400
    return _checked_page(path, found=found)


@bp.post("/folders")
def add() -> AnyResponse | tuple[str, int]:
    """Add a folder, with what was chosen beside it the first time, and begin to scan it."""
    path = _path()
    try:
        folder = roots.check(_real(path)).path
    except (BadInputError, SettingError) as error:
        return _page(path, _sentence(error)), 400
    if "choices" in request.form:
        for key, text in _chosen().items():
            if fault := save(key, text):
                return _checked_page(path, fault=fault), 400
        if fleet_environment.is_edited():
            take_up()
    return redirect(url_for("scans.page", begun=roots.begin(folder)), 303)


@bp.get("/folders/move")
def where_to() -> str:
    """How much of a folder would be found at another place."""
    root, to = _root(), request.args.get("to", "")[:_LONGEST].strip()
    if not to:
        return render_template("folder_move.html", root=root, to="")
    try:
        share = roots.share_to_move(root, roots.checked_root(_real(to)))
    except (BadInputError, SettingError) as error:
        return render_template("folder_move.html", root=root, to=to, fault=_sentence(error))
    going = library_roots.going(root)
    return render_template(
        "folder_move.html", root=root, to=to, share=share, count=round(share * going.tracks)
    )


@bp.post("/folders/move")
def move() -> AnyResponse | tuple[str, int]:
    """Have the music of a folder be at another place."""
    root, to = _root(), request.form.get("to", "")[:_LONGEST].strip()
    try:
        now = roots.checked_root(_real(to))
        roots.share_to_move(root, now)
        roots.move(root, now)
    except (BadInputError, SettingError) as error:
        fault = _sentence(error)
        return render_template("folder_move.html", root=root, to=to, fault=fault), 400
    return redirect(url_for("folders.page"), 303)


@bp.get("/folders/forget")
def what_goes() -> str:
    """What goes with a folder that is forgotten."""
    root = _root()
    return render_template("folder_forget.html", root=root, going=roots.what_goes(root))


@bp.post("/folders/forget")
def forget() -> AnyResponse | tuple[str, int]:
    """Have a folder be forgotten; a job deletes what is known of it."""
    root = _root()
    try:
        roots.begin_to_forget(root)
    except BadInputError as error:
        going = roots.what_goes(root)
        fault = _sentence(error)
        return render_template("folder_forget.html", root=root, going=going, fault=fault), 409
    return redirect(url_for("folders.page"), 303)


def _page(path: str, fault: str = "") -> str:
    is_first = roots.is_nothing_scanned()
    listed = [] if is_first else library_roots.listed()
    known = {each.path for each in listed}
    running = {scan.root: scan.id for scan in scans.all_unfinished() if scan.scope is None}
    last = scans.latest(1) if is_first else []
    places = roots.places()
    whole = path.rstrip("/")
    return render_template(
        "folders.html",
        is_first=is_first,
        roots=listed,
        forgotten=library_roots.FORGOTTEN,
        coming=[root for root in running if root not in known],
        running=running,
        path=path,
        fault=fault or next((scan.fault for scan in last if scan.fault), ""),
        places=places,
        place=next((each for each in places if whole and is_under(whole, each)), ""),
        inner=roots.offered(f"{whole}/") if whole else [],
    )


def _checked_page(path: str, **more: Any) -> str:
    try:
        checked = roots.check(_real(path))
    except (BadInputError, SettingError) as error:
        return _page(path, _sentence(error))
    return render_template(
        "folder_new.html",
        path=path,
        checked=checked,
        is_first=roots.is_nothing_scanned(),
        **(_choices(checked.audio) if roots.is_nothing_scanned() else {}),
        **more,
    )


def _path() -> str:
    """The path that a request names, without blanks around it."""
    return request.values.get("path", "")[:_LONGEST].strip()


def _root() -> str:
    """The root that a request names; there is no page of another folder."""
    root = request.values.get("root", "")
    if root not in scans.roots():
        abort(404, "There is no such folder in the library.")
    return root


def _real(path: str) -> str:
    """The folder on the disk that a page names, in one of the places. Raises BadInputError."""
    return os.fsdecode(to_bytes(roots.placed(path)))


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}"


def _dry_run(folder: str) -> str:
    job_id = dispatch.enqueue(scans.DISCOVERY, root=folder, deep=False, dry_run=True)
    found = dispatch.wait_for(job_id, _PATIENCE)
    if found is None:
        return "The dry run takes long; a scan shows how far it is."
    counts = ", ".join(f"{count:,} {what}" for what, count in found["counts"].items())
    former = found["former_root"]
    moved = f" What is new is the library of {shown(former)}, which is away." if former else ""
    return f"A scan would find: {counts}.{moved}"


def _choices(audio: int) -> dict[str, Any]:
    """What may be chosen beside the first folder, as it is or as it was chosen just now."""
    given = request.form if "choices" in request.form else {}
    hours = analysis_hours()
    begin, end = (f"{each:%H:%M}" for each in hours or _NIGHT)
    analysis = "off" if analysis_is_off() else "hours" if hours else "always"
    seconds = expected_seconds(audio)
    return {
        "providers": [_choice(each, given) for each in PROVIDERS],
        "contact": given.get("contact", os.environ.get("FLEET_CONTACT", "")),
        "analysis": given.get("analysis", analysis),
        "begin": given.get("begin", begin),
        "end": given.get("end", end),
        "seconds": seconds,
        "nights": ceil(seconds / (hours or _NIGHT).length),
        "fixed": _fixed(),
    }


def _choice(provider: Provider, given: Mapping[str, str]) -> Choice:
    key = provider.key
    has_key = key is None or bool(key.free or os.environ.get(key.setting))
    return Choice(
        provider.name,
        ", ".join(words for offer, words in _OFFERS.items() if provider.offers & offer),
        provider.sends,
        f"on-{provider.name}" in given if given else provider.name in named_providers(),
        "" if has_key or key is None else _key_of(key.setting),
        key is not None and bool(key.free),
        provider.needs_contact,
    )


def _chosen() -> dict[str, str]:
    """The settings that were chosen and are others than before, in the order of writing them."""
    form, wanted = request.form, {}
    for each in PROVIDERS:
        if each.key and (text := form.get(f"key-{each.name}", "").strip()):
            wanted[_key_of(each.key.setting)] = text
    wanted["contact"] = form.get("contact", "").strip()
    wanted["providers"] = ", ".join(each.name for each in PROVIDERS if f"on-{each.name}" in form)
    analysis = form.get("analysis", "always")
    hours = f"{form.get('begin', '')}-{form.get('end', '')}"
    wanted["analysis_hours"] = hours if analysis == "hours" else ""
    wanted["analysis_seconds"] = "off" if analysis == "off" else ""
    return dict(_changed(wanted))


def _changed(wanted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    fixed = _fixed()
    for key, text in wanted.items():
        name = f"FLEET_{key.upper()}"
        before = os.environ.get(name, "")
        is_same = text == before or (key == "analysis_seconds" and not text and before != "off")
        if not is_same and key not in fixed:
            yield key, text


def _fixed() -> set[str]:
    """The settings that the environment of the fleet has, which no page changes."""
    noted = fleet_environment.noted()
    return {each.key for each in SETTINGS if each.name in noted or f"{each.name}_FILE" in noted}


def _key_of(setting: str) -> str:
    return setting.removeprefix("FLEET_").lower()
