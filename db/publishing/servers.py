"""Music servers of the user's: how they are asked, what they get, and which playlists they have.

A playlist that was pushed is ours as long as it is there as it was written: one that its user
changed or deleted there is kept from then on as it is, and one that we did not make is never
touched. Passwords and keys are encrypted with a key of the run folder, which is in no backup.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import fn

from db.errors import ServerError
from db.models import EntityType, KnownServer, PushedList, PushedPicture, Scan, utc_now
from db.settings.urls import shown
from db.similarity import clusters
from db.sql.connection import transaction
from db.sql.queries import among, tuples
from db.users import accounts

JOB = "publishing.push_playlists"
"""The job that pushes."""
_EVERY, _AFTER_FAULT = timedelta(days=1), timedelta(hours=1)
NO_SCAN = "it does not look for new files"
"""Begins the remark that a server refused to scan."""
_LONGEST_NAME = 64
_CHECK = 16
"""Characters of a digest behind a secret, by which it is known to be read right."""


class ServerKind(StrEnum):
    """Which API a server has; `jobs.publishing.servers` has a module of each name."""

    SUBSONIC = "subsonic"
    JELLYFIN = "jellyfin"


class Lists(StrEnum):
    """Which playlists a server gets."""

    CLUSTERS = "clusters"
    MOODS = "moods"
    OWN = "own"
    """Those that the listener made."""
    SIMILAR = "similar"
    """What is similar to a track that the listener starred."""
    PATHS = "paths"
    """From one such track to the next."""


OF_LISTENER = {Lists.OWN, Lists.SIMILAR, Lists.PATHS}
"""Those that need to know whose they are."""


@dataclass
class Outcome:
    """What a push did."""

    found: dict[str, int] = field(default_factory=dict)
    """How many of our tracks were found there, by path, id or names."""
    missed: int = 0
    """How many were not."""
    examples: list[str] = field(default_factory=list)
    """Some of these, for people."""
    lists: dict[str, int] = field(default_factory=dict)
    """How many playlists were written, unchanged, removed or left out."""
    remarks: list[str] = field(default_factory=list)
    """What else there is to say: why a playlist was left out."""
    pictures: dict[str, int] = field(default_factory=dict)
    """How many pictures were given, are unchanged, or were kept as they are there, and how many
    albums and artists are none of ours; empty where none are given."""
    more: bool = False
    """Whether pictures are left for another push."""

    def as_json(self) -> dict[str, Any]:
        """For the row of the server."""
        return asdict(self)


def add(name: str, kind: ServerKind, url: str, secret: str, **columns: Any) -> KnownServer:
    """A new server, to which playlists are pushed at once. Raises ServerError."""
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST_NAME:
        raise ServerError(
            f"the name {name!r} cannot be taken — take one of 1 to {_LONGEST_NAME} characters "
            "without control characters, and without blanks at its ends"
        )
    made: KnownServer
    with transaction():
        if KnownServer.select().where(KnownServer.name == name).exists():
            raise ServerError(
                f"there is a server {name} already — `fleet server remove {name}` first"
            )
        now = utc_now()
        begun = {"due_at": now, "scanned_to": last_changing_scan()}
        columns = {**begun, **columns}
        made = KnownServer.create(name=name, kind=kind, url=url, secret=_sealed(secret), **columns)
    return made


def listed() -> list[KnownServer]:
    """All servers, by name."""
    return list(KnownServer.select().order_by(KnownServer.name))


def named(name: str) -> KnownServer:
    """The server of this name. Raises ServerError."""
    found: KnownServer | None = KnownServer.get_or_none(KnownServer.name == name)
    if found is None:
        known = ", ".join(each.name for each in listed())
        remedy = f"known are: {known}" if known else "`fleet server add` adds one"
        raise ServerError(f"there is no server {name!r} — {remedy}")
    return found


def get(server_id: int) -> KnownServer | None:
    """The server, or None when it was removed."""
    found: KnownServer | None = KnownServer.get_or_none(KnownServer.id == server_id)
    return found


def change(server: KnownServer, columns: Mapping[str, Any]) -> None:
    """Change what a server gets, which is pushed at once."""
    _update(server, **columns, due_at=utc_now())


def set_secret(server: KnownServer, secret: str, *, is_key: bool) -> None:
    """Give a server another password or key; it is tried again at once."""
    columns = {"secret": _sealed(secret), "is_key": is_key, "due_at": utc_now(), "fault": None}
    with transaction():
        KnownServer.update(**columns).where(KnownServer.id == server.id).execute()


def secret_of(server: KnownServer) -> str:
    """The password or key. Raises ServerError when it was encrypted with another key than ours."""
    text = accounts.decrypted(server.secret).decode("utf-8", "replace")
    secret, check = text[:-_CHECK], text[-_CHECK:]
    if not secret or check != _check(secret):
        raise ServerError(
            f"the password of the server {server.name} cannot be read here, as after a restore or "
            f"on another machine — `fleet server passwd {server.name}` sets it again"
        )
    return secret


def _sealed(secret: str) -> str:
    if not secret or "\0" in secret or len(secret.encode()) > accounts.LONGEST_PASSWORD:
        raise ServerError(
            f"the password or key has to have 1 to {accounts.LONGEST_PASSWORD} bytes, without NUL"
        )
    return accounts.encrypted((secret + _check(secret)).encode())


def _check(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:_CHECK]


def forget(server: KnownServer) -> None:
    """Forget a server, and which playlists of ours it has; these stay there."""
    with transaction():
        KnownServer.delete().where(KnownServer.id == server.id).execute()


def ask(server: KnownServer, *, again: bool = False) -> None:
    """Have playlists be pushed now; `again`: also those that were changed or deleted there."""
    with transaction():
        KnownServer.update(due_at=utc_now()).where(KnownServer.id == server.id).execute()
        if again:
            kept = PushedList.server == server.id, PushedList.kept.is_null(False)
            PushedList.update(kept=None, songs=[]).where(*kept).execute()
            kept = PushedPicture.server == server.id, PushedPicture.kept.is_null(False)
            PushedPicture.update(kept=None, mark=None).where(*kept).execute()


def last_changing_scan() -> int:
    """The last scan that ended and found something new, changed, moved or gone; 0 for none."""
    changes = Scan.new + Scan.changed + Scan.moved + Scan.missing
    ended = Scan.finished_at.is_null(False), Scan.fault.is_null()
    return int(Scan.select(fn.MAX(Scan.id)).where(*ended, changes > 0).scalar() or 0)


def due() -> list[KnownServer]:
    """The servers for which there is something to do."""
    found = listed()
    if not found:
        return []
    scan, model = last_changing_scan(), clusters.current_model(EntityType.TRACK)
    trained = model.trained_at if model else None
    return [each for each in found if is_push_due(each, trained) or is_scan_due(each, scan)]


def is_push_due(server: KnownServer, trained: datetime | None) -> bool:
    """Whether playlists are to be pushed: each day, and after clusters were computed."""
    is_new = trained is not None and (server.tried_at is None or trained > server.tried_at)
    is_new = is_new and Lists.CLUSTERS in server.lists
    return is_new or (server.due_at is not None and server.due_at <= utc_now())


def is_scan_due(server: KnownServer, scan: int) -> bool:
    """Whether it is to look for what the scan of ours found; after a fault not before an hour."""
    tried_at: datetime | None = server.tried_at if server.fault is not None else None
    rests = tried_at is not None and utc_now() - tried_at < _AFTER_FAULT
    return bool(server.scans) and scan > server.scanned_to and not rests


def scan_asked(server: KnownServer, scan: int, remark: str) -> None:
    """Say that a server was asked for a scan after this one of ours; `remark`: why it did not."""
    others = [each for each in server.outcome.get("remarks", []) if not each.startswith(NO_SCAN)]
    server.outcome = {**Outcome().as_json(), **server.outcome}
    server.outcome["remarks"] = [*([remark] if remark else []), *others]
    _update(server, scanned_to=scan, outcome=server.outcome)


def ended(server: KnownServer, outcome: Outcome) -> None:
    """Say that a push ended well."""
    now = utc_now()
    due_at = now if outcome.more else now + _EVERY
    columns = {"tried_at": now, "pushed_at": now, "due_at": due_at, "fault": None}
    _update(server, **columns, outcome=outcome.as_json())


def failed(server: KnownServer, fault: str, *, passes: bool) -> None:
    """Say why a push did not end well; `passes`: it is tried again in an hour, else in a day."""
    now = utc_now()
    _update(server, tried_at=now, due_at=now + (_AFTER_FAULT if passes else _EVERY), fault=fault)


def _update(server: KnownServer, **columns: Any) -> None:
    with transaction():
        KnownServer.update(**columns).where(KnownServer.id == server.id).execute()


def pushed(server: KnownServer) -> dict[str, PushedList]:
    """The playlists of ours on a server, by what they are made of."""
    query = PushedList.select().where(PushedList.server == server.id).order_by(PushedList.id)
    return {each.source: each for each in query}


def counts() -> dict[int, int]:
    """How many playlists of ours each server has, by its id."""
    query = PushedList.select(PushedList.server, fn.COUNT(PushedList.id))
    query = query.where(PushedList.their_id.is_null(False), PushedList.kept.is_null())
    return dict(tuples(query.group_by(PushedList.server)))


def begin(server: KnownServer, source: str, name: str, before: Sequence[str]) -> PushedList:
    """Say that a playlist is about to be made; `before` are those of its name that are there."""
    with transaction():
        PushedList.delete().where(
            PushedList.server == server.id, PushedList.source == source
        ).execute()
        columns = {"server": server.id, "source": source, "name": name, "before": list(before)}
        made: PushedList = PushedList.create(**columns)
    return made


def write(row: PushedList, columns: Mapping[str, Any]) -> None:
    """Say what became of a playlist."""
    with transaction():
        PushedList.update(**columns, pushed_at=utc_now()).where(PushedList.id == row.id).execute()


def drop(row: PushedList) -> None:
    """Say that a playlist is ours no more, or gone."""
    with transaction():
        PushedList.delete().where(PushedList.id == row.id).execute()


def given_pictures(
    server: KnownServer, their_ids: Sequence[str]
) -> dict[tuple[str, str], PushedPicture]:
    """The pictures of ours that these albums and artists there got, by their id and role."""
    query = PushedPicture.select().where(
        PushedPicture.server == server.id, among(PushedPicture.their_id, their_ids)
    )
    return {(each.their_id, each.role): each for each in query}


def picture_given(
    server: KnownServer, their_id: str, role: str, columns: Mapping[str, Any]
) -> None:
    """Say which picture of ours an album or artist there has, or is about to get."""
    key = {"server": server.id, "their_id": their_id, "role": role}
    row = {**key, **columns, "kept": None, "pushed_at": utc_now()}
    with transaction():
        PushedPicture.insert(row).on_conflict(
            conflict_target=[PushedPicture.server, PushedPicture.their_id, PushedPicture.role],
            update={name: value for name, value in row.items() if name not in key},
        ).execute()


def keep_picture(row: PushedPicture, why: str) -> None:
    """Say that a picture there is its user's from now on."""
    with transaction():
        PushedPicture.update(kept=why).where(PushedPicture.id == row.id).execute()


def shown_url(server: KnownServer) -> str:
    """Where a server is, for people."""
    return shown(server.url)
