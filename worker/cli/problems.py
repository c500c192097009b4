"""`fleet problems` and `fleet missing-tags`: unusable files, and albums that lack tags."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from db.library.statistics import TAG_FIELDS, MissingTags, missing_tags_by_album
from db.models import Problem
from db.scanning import problems as recorded
from db.sql.connection import open_database
from db.sql.path_text import shown, to_text
from db.sql.schema import check_schema
from worker.cli.output import print_csv, print_json, print_table, say
from worker.errors import BadInputError


@click.command(
    epilog="""\b
Examples:
  fleet problems
  fleet problems ~/Music/Incoming
  fleet problems --json | jq -r '.problems[].path'
""",
)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def problems(folder: Path | None, as_json: bool) -> None:
    """List the files that musicfleet could not use, and why.

    First comes what waits for its surroundings, one line for each cause, such as a root that is
    away, or a disk below which many files cannot be read. With FOLDER only what is in it. A problem
    is deleted when a scan finds the file repaired or gone.

    Last come notes: of each folder what scans leave out though it may be music, such as videos,
    hidden folders and links that lead out, and the setting that takes it in. They are no errors.
    """
    open_database()
    check_schema()
    root = to_text(os.fsencode(os.path.realpath(folder))) if folder else None
    found = [*recorded.of_surroundings(root), *recorded.listed(root, one_by_one=as_json)]
    notes = recorded.notes(root)
    if not found and not notes and folder and not folder.exists():
        raise BadInputError(f"{folder} does not exist — name a folder of the library")
    if as_json:
        print_json({"problems": [_as_json(each) for each in [*found, *notes]]})
        return
    if not found:
        say("No problems.")
    if found or notes:
        rows = [["path", "stage", "code", "message"]]
        rows += [_line(each) for each in [*found, *notes]]
        print_table(rows)


def _as_json(problem: Problem) -> dict[str, str]:
    row = {"path": problem.path, "stage": problem.stage, "code": problem.code}
    seen = {"first_seen": str(problem.first_seen), "last_seen": str(problem.last_seen)}
    return row | {"message": problem.message} | seen


def _line(problem: Problem) -> list[str]:
    return [shown(problem.path), problem.stage, problem.code, problem.message]


@click.command(
    epilog="""\b
Examples:
  fleet missing-tags
  fleet missing-tags --csv > missing.csv
  fleet missing-tags --json | jq -r '.albums[] | select(.missing.genre) | .folder'
""",
)
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def missing_tags(as_csv: bool, as_json: bool) -> None:
    """List the albums whose tracks lack tags, and how many of them lack which."""
    open_database()
    check_schema()
    if as_json:
        albums = [
            each._asdict() | {"folder": shown(each.folder)} for each in missing_tags_by_album()
        ]
        print_json({"albums": albums})
        return
    heading = ["album artist", "album", "folder", "tracks", *(f"no {name}" for name in TAG_FIELDS)]
    rows = [heading, *map(_row, missing_tags_by_album())]
    if as_csv:
        print_csv(rows)
    elif len(rows) == 1:
        say("No tag is missing.")
    else:
        print_table(rows)


def _row(each: MissingTags) -> Sequence[str]:
    counts = (str(each.missing.get(name) or "") for name in TAG_FIELDS)
    names = (each.album_artist or "", each.album or "", shown(each.folder))
    return [*names, str(each.tracks), *counts]
