"""`fleet server`: the music servers that playlists are pushed to."""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from db.models import KnownServer, utc_now
from db.publishing import servers
from db.publishing.export_runs import End
from db.publishing.servers import OF_LISTENER, Lists, ServerKind
from db.settings.provider_settings import is_base_url
from db.sql.connection import open_database
from db.sql.schema import check_schema
from db.users import accounts
from worker import dispatch
from worker.cli.cover import perform
from worker.cli.imports import prefix_of
from worker.cli.output import (
    agreed,
    changes_something,
    print_json,
    print_line,
    print_table,
    say,
    typed_password,
)
from worker.errors import BadInputError, ExitCode, JobFailedError
from worker.phrases import counted
from worker.supervisor import control

Command = TypeVar("Command", bound=Callable[..., Any])
_POLL_SECONDS = 0.3
_NOTHING = "none"
_DEFAULT = (Lists.CLUSTERS, Lists.MOODS)
_DONE = {
    End.WRITTEN: "written",
    End.UNCHANGED: "as they should be",
    End.REMOVED: "removed",
    End.LEFT: "left out",
    End.FAILED: "failed",
}


@click.group()
def server() -> None:
    """Push playlists to Navidrome, Jellyfin and other music servers.

    Playlists of clusters, moods and a user are made there and refreshed in place: each day, and
    after clusters were computed. Only those that musicfleet made are ever changed or removed, and
    one that you change or delete there stays as you left it. After a scan that found something the
    server is asked to scan too.
    """


def _options(command: Command) -> Command:
    """What a server gets, for the commands that add and change one."""
    for option in (
        click.option(
            "--pictures/--no-pictures",
            default=None,
            help="Whether albums and artists that lack a picture there get ours, where its API "
            "takes pictures: Jellyfin's, from an administrator or by a key. Default: not.",
        ),
        click.option(
            "--scan/--no-scan",
            "scans",
            default=None,
            help="Whether it is asked to scan after a scan here. Default: it is.",
        ),
        click.option(
            "--map",
            "folders",
            metavar="THEIRS=OURS",
            multiple=True,
            help="A folder as it is called there, and what it is called here; also several times.",
        ),
        click.option("--of", "listener", metavar="USER", help="Whose playlists and stars count."),
        click.option(
            "--lists",
            metavar="LIST,…",
            help=f"Which playlists: {', '.join(Lists)}, with commas, or none. "
            f"Default: {', '.join(_DEFAULT)}.",
        ),
    ):
        command = option(command)
    return command


def _columns(
    lists: str | None,
    listener: str | None,
    folders: Sequence[str],
    scans: bool | None,
    pictures: bool | None,
) -> dict[str, Any]:
    """Those columns of a server that options name. Raises click.UsageError and AccountError."""
    columns: dict[str, Any] = {"scans": scans, "pictures": pictures}
    if lists is not None:
        names = [each.strip() for each in lists.split(",") if each.strip() != _NOTHING]
        if unknown := [each for each in names if each not in list(Lists)]:
            known = ", ".join(Lists)
            raise click.UsageError(f"there are no playlists {unknown[0]!r}: write some of {known}")
        columns["lists"] = names
    if listener is not None:
        columns["listener"] = accounts.existing(listener).id
    if folders:
        columns["folders"] = [list(prefix_of(each)) for each in folders]
    return {name: value for name, value in columns.items() if value is not None}


def _check_listener(lists: Collection[str], listener: int | None) -> None:
    if listener is None and (of := sorted(OF_LISTENER.intersection(lists))):
        raise click.UsageError(f"{', '.join(of)} are of a user: name one of `fleet user` by --of")


@server.command(
    epilog="""\b
Examples:
  fleet server add navidrome http://nas:4533 --user anna
  pass show music/anna | fleet server add den https://jelly.example.org --kind jellyfin --user anna
  fleet server add nas http://nas:4533 --user anna --lists clusters,own --of anna --map /music=/srv
""",
)
@click.argument("name")
@click.argument("url")
@click.option(
    "--kind",
    type=click.Choice([each.value for each in ServerKind]),
    default=ServerKind.SUBSONIC.value,
    show_default=True,
    help="Its API. Navidrome, Gonic, LMS, Airsonic and musicfleet have Subsonic's.",
)
@click.option("--user", default="", help="The user there, to whom the playlists belong.")
@click.option("--key", "is_key", is_flag=True, help="It is an API key that is typed.")
@_options
def add(name: str, url: str, kind: str, user: str, is_key: bool, **given: Any) -> None:
    """Add the server at URL, and push playlists to it from now on.

    Its password, or an API key, is typed, or read as one line from stdin. It is kept encrypted.
    """
    if not is_base_url(url):
        raise click.UsageError(f"{url} is no address: write http://HOST:PORT, without a password")
    if not user and not is_key:
        raise click.UsageError("name the user there by --user, or give an API key by --key")
    if not user and kind == ServerKind.JELLYFIN:
        raise click.UsageError("name the user there by --user: a key of Jellyfin's is nobody's own")
    _open()
    columns = {"lists": list(_DEFAULT), **_columns(**given)}
    _check_listener(columns["lists"], columns.get("listener"))
    base = url.rstrip("/").removesuffix("/rest") if kind == ServerKind.SUBSONIC else url.rstrip("/")
    secret = typed_password(confirm=False)
    login = {"login": user, "is_key": is_key}
    servers.add(name, ServerKind(kind), base, secret, **login, **columns)
    print_line(f"the server {name} was added")
    say(f"The running fleet pushes playlists to it; `fleet server push {name}` shows how.")


@server.command(
    "set",
    epilog="""\b
Examples:
  fleet server set navidrome --lists clusters,own --of anna
  fleet server set navidrome --no-scan --map /music=/srv/music
  fleet server set navidrome --lists none
""",
)
@click.argument("name")
@_options
def set_(name: str, **given: Any) -> None:
    """Change what the server NAME gets. Playlists that it gets no more are removed there."""
    _open()
    found = servers.named(name)
    columns = _columns(**given)
    listener = columns.get("listener", found.listener_id)
    _check_listener(columns.get("lists", found.lists), listener)
    if not columns:
        raise click.UsageError("name what is to change: --lists, --of, --map, --scan, --pictures")
    servers.change(found, columns)
    print_line(f"the server {name} was changed")


@server.command(
    epilog="""\b
Examples:
  fleet server passwd navidrome
  pass show music/key | fleet server passwd navidrome --key
""",
)
@click.argument("name")
@click.option("--key", "is_key", is_flag=True, help="It is an API key that is typed.")
def passwd(name: str, is_key: bool) -> None:
    """Give the server NAME another password or API key."""
    _open()
    found = servers.named(name)
    servers.set_secret(found, typed_password(confirm=False), is_key=is_key)
    print_line(f"the server {name} has another {'key' if is_key else 'password'}")


@server.command(
    epilog="""\b
Examples:
  fleet server remove navidrome --dry-run
  fleet server remove navidrome --yes
""",
)
@click.argument("name")
@changes_something
@click.pass_context
def remove(context: click.Context, name: str, dry_run: bool, yes: bool) -> None:
    """Forget the server NAME. The playlists that it has stay there, as yours.

    `fleet server set NAME --lists none` and `fleet server push NAME` remove them before.
    """
    _open()
    found = servers.named(name)
    lists = counted(servers.counts().get(found.id, 0), "playlist")
    if dry_run:
        print_line(f"{name} would be forgotten, with {lists} that stay there")
        return
    if not agreed(f"Forget {name}, with {lists} that stay there?", yes):
        context.exit(ExitCode.INTERRUPTED)
    servers.forget(found)
    print_line(f"{name} was forgotten; {lists} stay there")


@server.command(
    "list",
    epilog="""\b
Examples:
  fleet server list
  fleet server list --json | jq '.servers[] | select(.fault)'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times are UTC.")
def list_all(as_json: bool) -> None:
    """List the servers: what each gets, when it last did, and what keeps it from that."""
    _open()
    found, counts = servers.listed(), servers.counts()
    if as_json:
        print_json({"servers": [_json(each, counts) for each in found]})
        return
    rows = [["server", "address", "user", "lists", "playlists", "not found", "pushed"]]
    for each in found:
        missed = each.outcome.get("missed", 0)
        of = [each.login or "by key", ", ".join(each.lists) or _NOTHING]
        more = [f"{counts.get(each.id, 0):,}", f"{missed:,}", _moment(each.pushed_at)]
        rows.append([each.name, servers.shown_url(each), *of, *more])
    print_table(rows)
    for each in found:
        if each.fault:
            say(f"{each.name}: {each.fault}")
    if not found:
        say("There is no server yet: `fleet server add NAME URL` adds one.")


@server.command(
    epilog="""\b
Examples:
  fleet server show navidrome
  fleet server show navidrome --json | jq -r '.not_found[]'
""",
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times are UTC.")
def show(name: str, as_json: bool) -> None:
    """Show the playlists that the server NAME has of ours, and tracks that were not found there."""
    _open()
    found = servers.named(name)
    lists = list(servers.pushed(found).values())
    outcome = found.outcome
    if as_json:
        more = {"playlists": [_list_json(each) for each in lists]}
        more |= {"given_pictures": outcome.get("pictures", {})}
        more |= {"not_found": outcome.get("examples", []), "remarks": outcome.get("remarks", [])}
        print_json({**_json(found, servers.counts()), **more})
        return
    rows = [["playlist", "songs", "not found", "pushed", ""]]
    for each in lists:
        numbers = [f"{len(each.songs):,}", f"{each.missed:,}"]
        rows.append([each.name, *numbers, _moment(each.pushed_at), each.kept or ""])
    print_table(rows)
    if outcome.get("pictures"):
        print_line(_pictures(outcome["pictures"]))
    for each in ([found.fault] if found.fault else []) + list(outcome.get("remarks", [])):
        say(each)
    _say_missed(outcome)


@server.command(
    epilog="""\b
Examples:
  fleet server push --dry-run
  fleet server push navidrome
  fleet server push navidrome --again
""",
)
@click.argument("name", required=False)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be written, write nothing.")
@click.option(
    "--again", is_flag=True, help="Write also those that were changed or deleted there, as ours."
)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
@click.pass_context
def push(
    context: click.Context, name: str | None, dry_run: bool, again: bool, as_json: bool
) -> None:
    """Push playlists to the server NAME, or to all, now."""
    if not dry_run:
        control.start(say)
    _open()
    chosen = [servers.named(name)] if name else servers.listed()
    if not chosen:
        raise BadInputError("there is no server yet — `fleet server add NAME URL` adds one")
    results = [_planned(each) if dry_run else _pushed(each, again) for each in chosen]
    if as_json:
        print_json({"servers": results})
    else:
        for each in results:
            _print(each, dry_run)
    bad = any(each["fault"] or each["lists"].get(End.FAILED) for each in results)
    context.exit(ExitCode.PROBLEMS if bad else ExitCode.OK)


def _planned(found: KnownServer) -> dict[str, Any]:
    """What a push would do."""
    try:
        plan = perform(servers.JOB, server_id=found.id, dry_run=True)
    except JobFailedError as error:
        return {"server": found.name, "fault": str(error), "lists": {}}
    return {"server": found.name, "fault": None, **plan["outcome"], "playlists": plan["playlists"]}


def _pushed(found: KnownServer, again: bool) -> dict[str, Any]:
    """Have a worker push, and wait for what comes of it."""
    begun = utc_now()
    servers.ask(found, again=again)
    job_id = dispatch.enqueue(servers.JOB, server_id=found.id)
    say(f"Pushing playlists to {found.name} …")
    is_over = False
    while True:
        row = servers.get(found.id)
        if row is None:
            raise BadInputError(f"the server {found.name} was removed meanwhile")
        if row.tried_at is not None and row.tried_at >= begun:
            break
        if is_over:
            raise JobFailedError(f"the push to {found.name} failed — `fleet queue list` says how")
        is_over = dispatch.has_ended(job_id)
        time.sleep(_POLL_SECONDS)
    done = {"lists": {}} if row.fault else row.outcome
    return {"server": row.name, "fault": row.fault, **done}


def _print(result: dict[str, Any], dry_run: bool) -> None:
    name = result["server"]
    if result["fault"]:
        say(f"{name}: {result['fault']}")
        return
    for each in result.get("playlists", ()):
        songs = counted(each["songs"], "song")
        missed = f", {each['missed']:,} not found" if each["missed"] else ""
        print_line(f"{each['end']}  {each['name']}: {songs}{missed}")
    counts = result["lists"]
    done = [f"{counted(counts[end], 'playlist')} {word}" for end, word in _DONE.items()
            if counts.get(end)]  # fmt: skip
    by = ", ".join(f"{count:,} by {what}" for what, count in result["found"].items() if count)
    total = sum(result["found"].values())
    of = total + result["missed"]
    print_line(f"{name}: {', '.join(done) or 'no playlists'}{' (a dry run)' if dry_run else ''}.")
    print_line(f"Found {total:,} of {counted(of, 'track')} there{f': {by}' if by else ''}.")
    if result["pictures"]:
        print_line(_pictures(result["pictures"]))
    for each in result["remarks"]:
        say(each)
    _say_missed(result)


def _pictures(counts: dict[str, int]) -> str:
    return (
        f"{counted(counts['given'], 'picture')} given, {counts['unchanged']:,} unchanged, "
        f"{counts['kept']:,} left as they are there. {counts['missed']:,} albums and artists there "
        "are none of this library."
    )


def _say_missed(outcome: dict[str, Any]) -> None:
    examples = outcome.get("examples", [])
    for each in examples[:10]:
        say(f"not found there: {each}")
    if (left := outcome.get("missed", 0) - min(len(examples), 10)) > 0:
        say(f"… and {left:,} more")


def _json(found: KnownServer, counts: dict[int, int]) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "url": servers.shown_url(found),
        "user": found.login,
        "lists": found.lists,
        "map": [list(each) for each in found.folders],
        "scan": found.scans,
        "pictures": found.pictures,
        "playlists": counts.get(found.id, 0),
        "found": found.outcome.get("found", {}),
        "missed": found.outcome.get("missed", 0),
        "pushed_at": found.pushed_at and str(found.pushed_at),
        "next": found.due_at and str(found.due_at),
        "fault": found.fault,
    }


def _list_json(each: Any) -> dict[str, Any]:
    return {
        "name": each.name,
        "source": each.source,
        "their_id": each.their_id,
        "songs": len(each.songs),
        "missed": each.missed,
        "kept": each.kept,
        "pushed_at": str(each.pushed_at),
    }


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _open() -> None:
    open_database()
    check_schema()
