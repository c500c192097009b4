"""`fleet user`: who logs in by players and programs, their passwords and keys."""

from datetime import datetime

import click

from db.sql.connection import open_database
from db.sql.schema import check_schema
from db.users import accounts
from worker.cli.output import (
    agreed,
    changes_something,
    print_json,
    print_line,
    print_table,
    say,
    typed_password,
)

_WITHOUT_NAME = "without a name"


@click.group()
def user() -> None:
    """List, add and remove users, and make their keys.

    Players log in as a user, by password or by a key. Each has stars, plays and playlists of their
    own. A password is typed, or read as one line from stdin: never write one on a command line.
    """


@user.command(
    "list",
    epilog="""\b
Examples:
  fleet user list
  fleet user list --json | jq '.users[].keys[]'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times are UTC.")
def list_users(as_json: bool) -> None:
    """List the users, and of each key its name, its beginning, and when it was last used."""
    _open()
    found, keys = accounts.accounts(), accounts.keys()
    if as_json:
        print_json({"users": [_json(each, keys) for each in found]})
        return
    rows = [["user", "", "key", "begins", "last used"]]
    for each in found:
        rows.append([each.name, "administrator" if each.is_admin else "", "", "", ""])
        rows += [
            [each.name, "", key.name or _WITHOUT_NAME, key.begins, _shown(key.used_at)]
            for key in keys
            if key.user == each.name
        ]
    print_table(rows)
    if not found:
        say("There is no user yet: `fleet user add NAME` adds one.")


@user.command(
    epilog="""\b
Examples:
  fleet user add anna --admin
  pass show music/ben | fleet user add ben
""",
)
@click.argument("name")
@click.option("--admin", is_flag=True, help="May begin scans, and manage users by a player.")
def add(name: str, admin: bool) -> None:
    """Add the user NAME."""
    _open()
    made = accounts.add(name, typed_password(), is_admin=admin)
    print_line(f"{made.name} was added")
    _say_how()


@user.command(
    epilog="""\b
Examples:
  fleet user passwd anna
""",
)
@click.argument("name")
def passwd(name: str) -> None:
    """Give the user NAME another password. The keys stay."""
    _open()
    found = accounts.existing(name)
    accounts.set_password(name, typed_password())
    print_line(f"{found.name} has another password")
    _say_how()


@user.command(
    epilog="""\b
Examples:
  fleet user key anna --name phone
  fleet user key anna --revoke mfAbCdEf
""",
)
@click.argument("name")
@click.option("--name", "label", default="", help="What the key is for.")
@click.option("--revoke", metavar="BEGINNING", help="Revoke the key that begins so.")
def key(name: str, label: str, revoke: str | None) -> None:
    """Print a new key of the user NAME, or revoke one.

    A key stands in place of name and password. It is shown this one time.
    """
    _open()
    if revoke is None:
        print_line(accounts.new_key(name, label))
        return
    label = accounts.revoke(name, revoke)
    print_line(f"the key {label or _WITHOUT_NAME} was revoked")


@user.command(
    epilog="""\b
Examples:
  fleet user remove anna --dry-run
  fleet user remove anna --yes
""",
)
@click.argument("name")
@changes_something
def remove(name: str, yes: bool, dry_run: bool) -> None:
    """Remove the user NAME with all that is theirs: keys, stars, plays and playlists."""
    _open()
    found = accounts.existing(name)
    if dry_run:
        print_line(f"{found.name} would be removed, with keys, stars, plays and playlists")
    elif agreed(f"Remove {found.name} with all stars, plays and playlists?", yes):
        accounts.remove(name)
        print_line(f"{found.name} was removed")


def _open() -> None:
    open_database()
    check_schema()


def _say_how() -> None:
    if not accounts.token_login_is_on():
        say(
            "Players log in by password or key. For those that send token and salt alone, set "
            "token_login to on, and the password once more."
        )


def _json(each: accounts.Account, keys: list[accounts.KnownKey]) -> dict[str, object]:
    return {
        "name": each.name,
        "admin": each.is_admin,
        "created": _iso(each.created_at),
        "keys": [
            {
                "name": key.name,
                "begins": key.begins,
                "created": _iso(key.created_at),
                "used": _iso(key.used_at),
            }
            for key in keys
            if key.user == each.name
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _shown(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
