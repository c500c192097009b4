"""Messages to the owner: what the doctor finds that should not wait, and scans with problems.

They go to the services that FLEET_NOTIFY names, by Apprise. A message is sent once: what a service
took is not repeated because another one failed.
"""

import logging
import re
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from db.errors import SettingError
from db.maintenance import notices
from db.maintenance.notices import Event
from db.models import Notice
from db.settings.urls import without_secrets
from worker.doctor import Finding, Severity
from worker.doctor.examination import examine
from worker.errors import BadInputError, MessageError
from worker.phrases import counted

if TYPE_CHECKING:  # an extra, whose import takes long
    from apprise import Apprise

log = logging.getLogger("fleet")

_MOST = 20
"""Things that one message names."""
_LONGEST_LINE = 300
_SHORTEST_SECRET = 4


class Sent(NamedTuple):
    """How sending went."""

    notices: int
    """How many are in the message."""
    fault: str
    """Which services did not take it, and why; empty when all did."""


def record() -> None:
    """Note in the outbox what the doctor finds, and which scans ended with problems."""
    wanted = notices.kinds()
    found = [_event(each) for each in examine(quick=True) if each.notice]
    happened = notices.scans_with_problems()
    notices.record(
        [each for each in found if each.kind in wanted],
        [each for each in happened if each.kind in wanted],
    )


def _event(finding: Finding) -> Event:
    if finding.severity is Severity.OK:
        raise ValueError(f"all is well, and {finding.notice} is no notice")
    return Event(finding.notice, finding.says, finding.remedy)


def send() -> Sent:
    """Send one message of all that is unsent and due. Raises MessageError when no service takes it.

    One that was interrupted right after a service took it is sent again.
    """
    found = notices.unsent()
    if not found:
        return Sent(0, "")
    try:
        fault = _deliver(_title(found), _body(found))
    except (MessageError, SettingError) as error:
        notices.mark_unsent(found, str(error))
        raise
    notices.mark_sent(found, fault)
    return Sent(len(found), fault)


def send_test() -> Sent:
    """Send a test message now. Raises MessageError when no service takes it, and SettingError."""
    if not notices.are_wanted():
        raise BadInputError(
            "nobody is to be notified — `fleet settings set notify ntfy://ntfy.sh/TOPIC`, or "
            "another URL of Apprise"
        )
    return Sent(1, _deliver("a test message", "Messages of this fleet arrive here."))


def _title(found: Sequence[Notice]) -> str:
    if len(found) == 1:
        return found[0].text.partition(":")[0][:_LONGEST_LINE]
    return counted(len(found), "problem")


def _body(found: Sequence[Notice]) -> str:
    lines = [_line(each) for each in found[:_MOST]]
    if len(found) > _MOST:
        lines.append(f"{len(found) - _MOST:,} more: `fleet notify list`")
    return "\n".join(lines)


def _line(notice: Notice) -> str:
    text = notice.text[:_LONGEST_LINE]
    return f"{text} — {notice.remedy[:_LONGEST_LINE]}" if notice.remedy else text


def _deliver(title: str, body: str) -> str:
    """Have every service take a message; what those say that do not.

    Raises MessageError when none takes it.
    """
    urls = notices.urls()
    faults = [fault for url in urls if (fault := _fault(url, title, body))]
    if len(faults) == len(urls):
        raise MessageError(f"no service took the message: {'; '.join(faults)}")
    for fault in faults:
        log.warning("a message was not taken: %s", fault)
    return "; ".join(faults)


def _fault(url: str, title: str, body: str) -> str:
    """Send by one service; why it did not take the message, empty when it did."""
    import apprise  # noqa: PLC0415  # 30 MiB

    name = url.partition("://")[0]
    service: Apprise = apprise.Apprise()
    captured = apprise.LogCapture(level=logging.WARNING, fmt="%(message)s")  # type: ignore[no-untyped-call]
    with captured as output:
        if not service.add(url):
            return f"{name}: Apprise does not know such a URL"
        title = f"musicfleet on {socket.gethostname()}: {title}"
        if service.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
            return ""
        said = output.getvalue().strip().splitlines()
    reason = _shown(said[-1], url) if said else "it gave no reason"
    return f"{name}: {reason[:_LONGEST_LINE]}"


def _shown(text: str, url: str) -> str:
    """What Apprise says, without what of the URL may be a key."""
    for part in re.split(r"[/:@?&=,]+", url.partition("://")[2]):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "***")
    return without_secrets(text, url)
