"""`fleet cover`: choose a picture, and explain why another one is shown."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rq.utils import import_attribute

from db.library.search import Entity
from db.models import EntityType, Role
from db.sql.connection import open_database
from db.sql.path_text import shown, to_text
from db.sql.schema import check_schema
from worker import dispatch
from worker.cli import arguments
from worker.cli.arguments import entity_named
from worker.cli.output import print_json, print_line, print_table, say
from worker.errors import BadInputError, JobFailedError

_PACKAGE = "jobs."


def perform(job_name: str, **arguments: Any) -> Any:
    """Run a job here and now, past its queue, and return its result.

    It is the job that a worker would run, under the same name; the database is open. Raises
    UnknownJobError for a name that is not routed, and JobFailedError with what the job says.
    """
    dispatch.topology().route(job_name)
    function = import_attribute(dispatch.function_path(job_name))
    try:
        return function(**arguments)
    except Exception as error:
        if type(error).__module__.startswith(_PACKAGE):  # an error of the stage's own
            raise JobFailedError(str(error)) from error
        raise


Command = TypeVar("Command", bound=Callable[..., Any])
_SHOWN = 20
"""Lines of a list that may be long."""
_WEB = {"done": "found", "none": "nothing"}
"""How a search on the web ended that says no more."""
_BOTH = (EntityType.ALBUM, EntityType.ARTIST)
_ARTIST_ROLES = (Role.FANART.value, Role.LOGO.value)


@click.group(name="cover")
def cover() -> None:
    """Set the cover of an album or the picture of an artist, or see why it is what it is.

    An album or artist is named by its name, "ARTIST - ALBUM", its id, or album:ID and artist:ID.
    """


def _which(command: Command) -> Command:
    """Give a command the options that say which picture of what is meant."""
    for option in (
        click.option("--role", type=click.Choice(_ARTIST_ROLES), help="Of an artist."),
        click.option("--disc", type=click.IntRange(1, 999), help="One disc of an album."),
        _only("artist"),
        _only("album"),
    ):
        command = option(command)
    return command


def _only(entity_type: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{entity_type}", "only", flag_value=entity_type, help=f"NAME is an {entity_type}'s."
    )


@cover.command(
    "set",
    epilog="""\b
Examples:
  fleet cover set Homogenic ~/Pictures/homogenic.jpg
  fleet cover set "Björk - Debut" front.png
  fleet cover set --disc 2 album:12 cd2.jpg
  fleet cover set --artist Björk portrait.jpg
""",
)
@click.argument("name", metavar="ALBUM|ARTIST", shell_complete=arguments.albums_and_artists)
@click.argument("file", type=click.Path(path_type=Path))
@_which
def set_image(name: str, file: Path, only: str | None, disc: int | None, role: str | None) -> None:
    """Show the picture in FILE for ALBUM or ARTIST, whatever else there is.

    ALBUM or ARTIST is a name, "ARTIST - ALBUM", an id, or album:ID and artist:ID. FILE is the path
    of a picture on this machine, of 20 MiB and 64 million pixels at most: JPEG, PNG, WebP, GIF, BMP
    or AVIF. It takes no URL.

    The picture is kept: it stays when the file goes, and no scan changes it. An earlier one that
    was set is replaced.
    """
    entity, place = _found(name, only, disc, role)
    if not file.is_file():
        raise BadInputError(f"{file} is no file — name the picture")
    path = to_text(os.fsencode(os.path.abspath(file)))
    refused = perform(
        "covers.choose_image", entity_type=entity.type, entity_id=entity.id, role=place, path=path
    )
    if refused:
        raise BadInputError(f"{file} cannot be shown: {refused} — name another picture")
    print_line(f"{_described(entity, place)} shows {file}.")


@cover.command(
    epilog="""\b
Examples:
  fleet cover unset Homogenic
  fleet cover unset --disc 2 album:12
""",
)
@click.argument("name", metavar="ALBUM|ARTIST", shell_complete=arguments.albums_and_artists)
@_which
def unset(name: str, only: str | None, disc: int | None, role: str | None) -> None:
    """Undo `fleet cover set`: show what is found for ALBUM or ARTIST."""
    entity, place = _found(name, only, disc, role)
    was_set = perform(
        "covers.withdraw_image", entity_type=entity.type, entity_id=entity.id, role=place
    )
    what = _described(entity, place)
    if was_set:
        print_line(f"{what} shows what is found. `fleet cover why {entity.address}` explains it.")
    else:
        say(f"Nothing was set for {what}.")


@cover.command(
    epilog="""\b
Examples:
  fleet cover why Homogenic
  fleet cover why --artist Björk
  fleet cover why album:12 --json | jq '.roles[0].candidates'
""",
)
@click.argument("name", metavar="ALBUM|ARTIST", shell_complete=arguments.albums_and_artists)
@_only("artist")
@_only("album")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def why(name: str, only: str | None, as_json: bool) -> None:
    """List every candidate for the cover of ALBUM or ARTIST, and why each one lost.

    The command finds and decodes the candidates again, best first, and changes nothing.

    The one with the star wins; each of the others says what it lost by. With --json each has the
    score as well by which they are compared, number by number, the lowest first: 1 for a picture
    that is too small or far from square, or 2 for one that cannot be shown; the place of its source
    in the setting; the distance of its folder and the number in its name, or, for an embedded
    picture, its picture type, how many tracks carry it, and the first of them. Among equal scores
    the larger picture wins.
    """
    entity, _ = _found(name, only, None, None)
    roles = perform("covers.explain", entity_type=entity.type, entity_id=entity.id)
    if as_json:
        print_json({"roles": roles})
        return
    for number, role in enumerate(roles):
        if not number or role["candidates"]:
            _print(entity, role)


def _found(name: str, only: str | None, disc: int | None, role: str | None) -> tuple[Entity, str]:
    """The album or artist that is meant, and the role of which picture of it."""
    if disc and role:
        raise click.UsageError("--disc is for albums and --role for artists: give one of them")
    if disc or role:
        only = only or ("album" if disc else "artist")
    open_database()
    check_schema()
    entity = entity_named(name, (EntityType(only),) if only else _BOTH)
    if (disc and entity.type is EntityType.ARTIST) or (role and entity.type is EntityType.ALBUM):
        raise click.UsageError(f"an {entity.type} has no {'disc' if disc else 'role'}")
    return entity, Role.of_disc(disc) if disc else role or Role.FRONT


def _described(entity: Entity, role: str) -> str:
    of = "" if role == Role.FRONT else f"{role.replace('-', ' ')} of "
    return f"{of}{entity.full_name} ({entity.address})"


def _print(entity: Entity, role: dict[str, Any]) -> None:
    """One role for people."""
    print_line(f"{_described(entity, role['role'])}: {', '.join(role['order'])}")
    if role["candidates"]:
        rows = [["", "entry", "from", "size", "what it is", "verdict"]]
        print_table(rows + [_row(each) for each in role["candidates"]])
    else:
        print_line("Nothing was found.")
    if role["remark"]:
        print_line(f"Remark: {role['remark']}")
    if web := role["web"]:
        again = f"; asked again from {web['again']} on" if web["again"] else ""
        print_line(
            f"On the web: {web['reason'] or _WEB.get(web['state'], 'still to be asked')}{again}"
        )
    for each in role["passed_over"][:_SHOWN]:
        print_line(f"Passed over: {each}")
    if len(role["passed_over"]) > _SHOWN:
        print_line(f"… and {len(role['passed_over']) - _SHOWN} more")


def _row(candidate: dict[str, Any]) -> list[str]:
    size = f"{candidate['width']} x {candidate['height']}, {candidate['bytes']:,} bytes"
    return [
        "*" if candidate["wins"] else "",
        candidate["entry"],
        shown(candidate["path"]),
        size if candidate["decoded"] else "not decoded",
        candidate["detail"] or candidate["source"],
        candidate["verdict"],
    ]
