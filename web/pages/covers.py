"""The pictures of an album or artist: every candidate, why it is shown or not, and the choice.

The web UI opens no picture: jobs find and judge the candidates, and make their thumbnails.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import redis
from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from db import ledger, settings
from db.artwork import image_files, images
from db.artwork.image_files import THUMBNAIL_FORMAT
from db.library import entity_pages
from db.models import EntityType, Kind, Role
from db.settings import provider_settings
from db.sql.path_text import shown, to_text
from web.pages.images import is_stored, waited_for
from worker import dispatch
from worker.errors import BadInputError, JobFailedError, WorkerError
from worker.queues import jobs
from worker.status import overview

bp = Blueprint("covers", __name__)

MOST_BYTES = 20 * 1024 * 1024
"""The largest file that is taken; the picture store takes no larger picture."""
_MOST_REQUEST = MOST_BYTES + 64 * 1024
_KEPT_SECONDS = 300
"""How long an explanation is shown before another is made; a choice ends it."""
_CHOOSE, _WITHDRAW, _EXPLAIN = "covers.choose_image", "covers.withdraw_image", "covers.explain"
_NAMES = {Role.FRONT.value: "Front", Role.FANART.value: "Fan art", Role.LOGO.value: "Logo"}
_LONGEST_NAME = 200


class Entity(NamedTuple):
    """An album or artist whose pictures are shown."""

    type: EntityType
    id: int
    name: str

    @property
    def url(self) -> str:
        """Its page."""
        if self.type is EntityType.ALBUM:
            return url_for("library.album", album_id=self.id)
        return url_for("library.artist", artist_id=self.id)

    @property
    def key(self) -> str:
        """Where Redis keeps which job explains its pictures."""
        return settings.redis_key(f"fleet:covers:{self.type}:{self.id}")

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that say to a job which one is meant."""
        return {"entity_type": self.type.value, "entity_id": self.id}


_PATH = "/<any(albums, artists):kind>/<id:entity_id>/covers"


@bp.get(_PATH)
def page(kind: str, entity_id: int) -> str:
    """Every candidate in each role with the reason in words, and what can be done."""
    entity = _entity(kind, entity_id)
    is_done, fault = _outcome(request.args.get("job", ""))
    roles, lack = _explained(entity) if is_done else (None, "")
    return render_template(
        "covers.html",
        entity=entity,
        kind=kind,
        roles=roles,
        names=_names(entity, roles),
        chosen=images.chosen_images(entity.type, [entity_id]).get(entity_id, {}),
        fault=fault,
        lack=lack,
        is_waiting=roles is None and not lack,
        asked=ledger.need_state(Kind.REMOTE, entity.type, entity_id),
        is_web_on=provider_settings.any_on(),
        most_bytes=MOST_BYTES,
    )


@bp.get(f"/covers/<digest>{THUMBNAIL_FORMAT.suffix}")
def thumbnail(digest: str) -> Response:
    """The thumbnail of a candidate, which need not be a picture that anything shows."""
    file = image_files.thumbnail(digest) if image_files.is_digest(digest) else None
    if file is None or not is_stored(file):
        abort(404, "This picture has no thumbnail by now: open the page again.")
    response = send_file(file.resolve(), mimetype=THUMBNAIL_FORMAT.mime, etag=digest[:32])
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@bp.post(f"{_PATH}/use")
def use(kind: str, entity_id: int) -> BaseResponse:
    """Choose one of the candidates."""
    entity, digest = _entity(kind, entity_id), request.form.get("digest", "")
    roles, lack = _explained(entity)
    if lack:
        abort(503, lack)
    found = next((each for each in _candidates(roles) if each["digest"] == digest), None)
    if found is None or not found["decoded"]:
        abort(409, "This picture is no candidate any more: open the page again.")
    return _ask(entity, _CHOOSE, path=found["path"], digest=digest)


@bp.post(f"{_PATH}/upload")
def upload(kind: str, entity_id: int) -> BaseResponse:
    """Choose a picture that the browser sends."""
    request.max_content_length = _MOST_REQUEST
    entity = _entity(kind, entity_id)
    sent = request.files.get("picture")
    if sent is None or not sent.filename:
        abort(400, "No picture was sent: choose a file first.")
    path, digest = _received(sent)
    called = "".join(filter(str.isprintable, sent.filename))[:_LONGEST_NAME]
    name = f"{called} (uploaded)"
    return _ask(entity, _CHOOSE, path=to_text(bytes(path)), digest=digest, name=name)


@bp.post(f"{_PATH}/undo")
def undo(kind: str, entity_id: int) -> BaseResponse:
    """Withdraw the choice: what is found is shown again."""
    return _ask(_entity(kind, entity_id), _WITHDRAW)


@bp.post(f"{_PATH}/web")
def ask_the_web(kind: str, entity_id: int) -> BaseResponse:
    """Look for pictures on the web again, by the providers that are on."""
    entity = _entity(kind, entity_id)
    try:
        jobs.ask_the_web(entity.type, entity_id, [Kind.REMOTE])
    except BadInputError as error:
        abort(409, str(error))
    dispatch.connection().delete(entity.key)
    return redirect(url_for("covers.page", kind=kind, entity_id=entity_id), 303)


def _entity(kind: str, entity_id: int) -> Entity:
    """The album or artist; 404 when it is gone."""
    if kind == "albums" and (album := entity_pages.album_page(entity_id)):
        return Entity(EntityType.ALBUM, entity_id, album.title or "Unknown album")
    if kind == "artists" and (artist := entity_pages.artist_page(entity_id)):
        return Entity(EntityType.ARTIST, entity_id, artist.name)
    return abort(404, f"There is no such {kind.removesuffix('s')} any more.")


def _ask(entity: Entity, job: str, **arguments: str) -> BaseResponse:
    """Enqueue a job that changes what is shown, and show the page, which waits for it."""
    role = request.form.get("role", "")
    job_id = dispatch.enqueue(job, **entity.arguments, role=role, **arguments)
    dispatch.connection().delete(entity.key)
    kind = f"{entity.type.value}s"
    return redirect(url_for("covers.page", kind=kind, entity_id=entity.id, job=job_id), 303)


def _outcome(job_id: str) -> tuple[bool, str]:
    """Whether a job that was asked for is done, and what it refused."""
    if not job_id:
        return True, ""
    try:
        result = _result_of(job_id)
    except (redis.RedisError, WorkerError) as error:
        return True, str(error)
    if result is None:
        return False, ""
    if not isinstance(result[0], str):
        return True, ""
    return True, f"The picture cannot be shown: {result[0].partition(': ')[2]}"


def _explained(entity: Entity) -> tuple[list[dict[str, Any]] | None, str]:
    """Every candidate by role, None while they are looked for; and what is in the way."""
    try:
        client = dispatch.connection()
        kept: Any = client.get(entity.key)
        job_id = kept.decode() if kept else ""
        if not job_id:
            job_id = dispatch.enqueue(_EXPLAIN, **entity.arguments, pictures=True)
            client.set(entity.key, job_id, ex=_KEPT_SECONDS)
        result = _result_of(job_id)
        return (result[0], "") if result is not None else (None, _why_it_waits())
    except JobFailedError as error:
        dispatch.connection().delete(entity.key)
        return None, str(error)
    except (redis.RedisError, WorkerError):
        return None, "The fleet is down, and no candidate can be looked for: `fleet up` starts it."


def _result_of(job_id: str) -> list[Any] | None:
    """The result of a job in a list; None when it is not there within the patience of a page."""
    found: list[Any] = []

    def is_there() -> bool:
        if dispatch.has_ended(job_id):
            found.append(dispatch.wait_for(job_id, 1))
        return bool(found)

    return found if waited_for(is_there) else None


def _why_it_waits() -> str:
    """What keeps the jobs of this page from being done; empty when they only take long."""
    name = dispatch.topology().route(_EXPLAIN).name
    queue = next(each for each in overview.queues() if each.name == name)
    if queue.paused:
        return f"The queue {name} is paused: resume it on the page Queues."
    if not queue.consumers and not queue.on_demand:
        return f"No worker takes jobs of the queue {name}: `fleet up` starts them."
    return ""


def _candidates(roles: list[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
    for role in roles or ():
        yield from role["candidates"]
        yield from role["others"]


def _received(sent: FileStorage) -> tuple[Path, str]:
    """Where the file is that was sent, beside the picture store, and its digest."""
    folder = image_files.incoming_dir()
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix="upload-")
    digest, size = hashlib.sha256(), 0
    with os.fdopen(handle, "wb") as file:
        while block := sent.stream.read(1024 * 1024):
            size += len(block)
            digest.update(block)
            file.write(block)
    if 0 < size <= MOST_BYTES:
        return Path(name), digest.hexdigest()
    Path(name).unlink()
    says = f"The file has {size:,} bytes: up to {MOST_BYTES:,} are taken."
    return abort(413 if size else 400, says)


def _names(entity: Entity, roles: list[dict[str, Any]] | None) -> dict[str, str]:
    """What the roles are called that this one may show a picture in."""
    if entity.type is EntityType.ARTIST:
        return {**_NAMES, Role.FRONT.value: "Picture"}
    discs = [each["role"] for each in roles or () if each["role"] != Role.FRONT]
    return {
        Role.FRONT.value: "Front",
        **{role: role.replace("-", " ").capitalize() for role in discs},
    }


@bp.app_template_filter("origin")
def origin(candidate: dict[str, Any]) -> str:
    """Where a candidate is: the file, or the first file that carries it."""
    path = shown(candidate["path"])
    return f"in {path}" if candidate["source"] == "embedded" else path
