"""The outbox of notices: what the owner is notified of, and whether a message was sent.

A state, such as a full disk, is notified of once until it has been over for an hour; a scan that
ended with problems once. A message that could not be sent is tried again, less and less often.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from importlib.util import find_spec
from typing import NamedTuple

from db import settings
from db.errors import SettingError
from db.models import Notice, Scan, utc_now
from db.scanning.scans import CANCELLED
from db.sql.connection import transaction
from db.sql.path_text import shown

_SCAN = "scan "
"""How what scans met begins."""
_SAME = timedelta(hours=1)
"""A state that is back so soon was never over."""
_RECENT = timedelta(days=1)
"""Scans that ended longer ago are no news."""
_KEPT = timedelta(days=30)
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(days=1)
_MOST = 500
"""Rows that are kept, and those that a run writes."""


KINDS = ("scan", "program", "queue", "disk", "folder", "backup")
"""What there are notices about."""
_EVERYTHING = "everything"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+_-]*://\S+")
_LONGEST_URL = 2_000
_EXTRA = "pip install 'musicfleet[notify]'"


def urls() -> list[str]:
    """The services that FLEET_NOTIFY names. Raises SettingError, which does not show them."""
    found = settings.value("FLEET_NOTIFY").replace(",", " ").split() if are_wanted() else []
    for number, url in enumerate(found, start=1):
        if not _URL.fullmatch(url) or len(url) > _LONGEST_URL:
            raise SettingError(
                f"FLEET_NOTIFY has as entry {number} what is no URL of Apprise — write them as "
                "ntfy://ntfy.sh/TOPIC, with commas"
            )
    if found and find_spec("apprise") is None:
        raise SettingError(f"FLEET_NOTIFY needs Apprise, which is not installed — {_EXTRA}")
    return found


def kinds() -> frozenset[str]:
    """What messages are about: FLEET_NOTIFY_ABOUT. Raises SettingError."""
    text = settings.value("FLEET_NOTIFY_ABOUT").lower()
    words = [word for word in text.replace(",", " ").split() if word]
    known = (*KINDS, _EVERYTHING)
    for word in words:
        if word not in known:
            raise SettingError(f"FLEET_NOTIFY_ABOUT names {word!r} — known are: {', '.join(known)}")
    return frozenset(KINDS if _EVERYTHING in words else words)


def are_wanted() -> bool:
    """Whether the owner is notified of anything."""
    return settings.value("FLEET_NOTIFY").lower() not in {"", "off"}


class Event(NamedTuple):
    """Something to notify the owner of."""

    about: str
    """Its kind and what it is about: "program covers", "scan 12"."""
    text: str
    remedy: str = ""

    @property
    def kind(self) -> str:
        """The first word of what it is about."""
        return self.about.partition(" ")[0]


def record(states: Iterable[Event], happened: Iterable[Event]) -> None:
    """Note what is so now, and what has happened; a state that is not among them is over."""
    now = utc_now()
    present = {each.about: each for each in states}
    with transaction():
        for row in _states():
            if (state := present.pop(row.about, None)) is not None:
                _go_on(row, state)
            elif row.ended_at is None:
                Notice.update(ended_at=now).where(Notice.id == row.id).execute()
        for event in [*present.values(), *_new(happened)][:_MOST]:
            Notice.create(**event._asdict(), since=now)
        old = (Notice.ended_at < now - _KEPT) & (Notice.since < now - _KEPT)
        Notice.delete().where(old).execute()


def _states() -> list[Notice]:
    """The states that are not over, or have not been for long."""
    recent = Notice.ended_at.is_null() | (Notice.ended_at > utc_now() - _SAME)
    return list(Notice.select().where(recent & ~Notice.about.startswith(_SCAN)))


def _go_on(row: Notice, state: Event) -> None:
    if (row.text, row.remedy, row.ended_at) != (state.text, state.remedy, None):
        changed = {"text": state.text, "remedy": state.remedy, "ended_at": None}
        Notice.update(changed).where(Notice.id == row.id).execute()


def _new(happened: Iterable[Event]) -> list[Event]:
    """Those of which there is no notice yet."""
    events = {each.about: each for each in happened}
    known = Notice.select(Notice.about).where(Notice.about.in_(list(events)))
    for row in known:
        events.pop(row.about, None)
    return list(events.values())


def scans_with_problems() -> list[Event]:
    """The scans of the last day that failed, or met files that could not be read."""
    since = utc_now() - _RECENT
    ended = (Scan.finished_at > since) & (Scan.unreadable > 0)
    failed = (Scan.started_at > since) & Scan.fault.is_null(False)
    rows = Scan.select().where(ended | failed).order_by(Scan.id.desc()).limit(_MOST)
    return [_of_scan(row) for row in rows if row.fault != CANCELLED]


def _of_scan(scan: Scan) -> Event:
    where = f"the scan of {shown(scan.root)}"
    if scan.fault:
        return Event(f"{_SCAN}{scan.id}", f"{where} failed: {scan.fault}", "run `fleet scan`")
    files = "1 file" if scan.unreadable == 1 else f"{scan.unreadable:,} files"
    says = f"{where} ended with problems: {files} could not be read"
    return Event(f"{_SCAN}{scan.id}", says, "see `fleet problems`")


def unsent() -> list[Notice]:
    """What a message is to be sent of now, the oldest first."""
    is_due = Notice.due_at.is_null() | (Notice.due_at <= utc_now())
    waiting = Notice.sent_at.is_null() & Notice.ended_at.is_null()
    return list(Notice.select().where(waiting & is_due).order_by(Notice.id))


def mark_sent(notices: Sequence[Notice], fault: str) -> None:
    """A message of these was sent; `fault` names services that did not take it."""
    now = utc_now()
    with transaction():
        for row in notices:
            ended = now if row.about.startswith(_SCAN) else row.ended_at
            sent = {"sent_at": now, "fault": fault or None, "ended_at": ended}
            Notice.update(sent).where(Notice.id == row.id).execute()


def mark_unsent(notices: Sequence[Notice], fault: str) -> None:
    """No service took the message of these, and why; it is tried again later."""
    with transaction():
        for row in notices:
            wait = min(_FIRST_WAIT * 2 ** min(row.attempts, 20), _LONGEST_WAIT)
            tried = {"attempts": row.attempts + 1, "due_at": utc_now() + wait, "fault": fault}
            Notice.update(tried).where(Notice.id == row.id).execute()


def latest(most: int) -> list[Notice]:
    """The newest notices, the newest first."""
    return list(Notice.select().order_by(Notice.id.desc()).limit(most))


def failing() -> Notice | None:
    """A notice whose message could not be sent so far."""
    waiting = Notice.sent_at.is_null() & Notice.ended_at.is_null() & (Notice.attempts > 0)
    found: Notice | None = Notice.select().where(waiting).order_by(Notice.id).first()
    return found


def outcome(notice: Notice) -> str:
    """What came of its message, for people."""
    if notice.sent_at is not None:
        partly = f", but not by every service: {notice.fault}" if notice.fault else ""
        return f"sent {notice.sent_at:%Y-%m-%d %H:%M} UTC{partly}"
    if notice.ended_at is not None:
        return "not sent: it was over before"
    return f"not sent yet: {notice.fault}" if notice.fault else "not sent yet"
