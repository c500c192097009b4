"""`fleet notify`: messages to the owner, and a test of the services that send them."""

from datetime import datetime

import click

from db.maintenance import notices
from db.models import Notice
from db.settings import settings_file
from db.sql.connection import open_database
from db.sql.schema import check_schema
from worker.cli.output import print_json, print_line, print_table, say
from worker.doctor.notices import send_test
from worker.supervisor import fleet_environment
from worker.supervisor.rpc import is_up

_MOST = 50


@click.group()
def notify() -> None:
    """List the messages to you, or send a test message.

    The setting `notify` says which services send them.
    """


@notify.command(
    "test",
    epilog="""\b
Examples:
  fleet settings set notify ntfy://ntfy.sh/TOPIC
  fleet notify test
""",
)
def test() -> None:
    """Send a test message now, by every service of the setting `notify`.

    It goes by settings.toml as it is saved, whether or not the fleet has taken it yet.
    """
    with fleet_environment.trying(settings_file.path()):
        sent = send_test()
    print_line("the message was sent")
    if is_up() and fleet_environment.is_edited():
        say("The fleet's own messages go by the edited settings.toml after `fleet reload`.")
    if sent.fault:
        say(f"Not by every service: {sent.fault}")


@notify.command(
    "list",
    epilog="""\b
Examples:
  fleet notify list
  fleet notify list --json | jq '.notices[] | select(.sent == null)'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times are UTC.")
def list_notices(as_json: bool) -> None:
    """List the newest notices, and whether a message of each was sent."""
    open_database()
    check_schema()
    found = notices.latest(_MOST)
    if as_json:
        print_json({"notices": [_json(each) for each in found]})
        return
    print_table([["since", "about", "what", "message"], *map(_row, found)])
    if not notices.are_wanted():
        say("Messages are off: `fleet settings set notify URL` turns them on.")


def _row(each: Notice) -> list[str]:
    return [f"{each.since:%Y-%m-%d %H:%M}", each.about, each.text, notices.outcome(each)]


def _json(each: Notice) -> dict[str, object]:
    return {
        "about": each.about,
        "text": each.text,
        "remedy": each.remedy,
        "since": _iso(each.since),
        "ended": _iso(each.ended_at),
        "sent": _iso(each.sent_at),
        "attempts": each.attempts,
        "fault": each.fault,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
