"""`fleet problems`: the files that could not be used, and why."""

import json
import os
from pathlib import Path

import click

from db import problems as recorded
from db.connection import open_database
from db.paths import shown, to_text
from db.schema import check_schema
from worker.cli.tables import print_table
from worker.errors import BadInputError


@click.command(
    epilog="""\b
Examples:
  fleet problems
  fleet problems ~/Music/Incoming
  fleet problems --json | jq -r .path
""",
)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def problems(folder: Path | None, as_json: bool) -> None:
    """List the files that musicfleet could not use, and why.

    With FOLDER only the files in it. A problem is deleted when a scan finds the file repaired or
    gone.
    """
    open_database()
    check_schema()
    root = to_text(os.fsencode(os.path.realpath(folder))) if folder else None
    found = recorded.listed(root)
    if not found and folder and not folder.exists():
        raise BadInputError(f"{folder} does not exist — name a folder of the library")
    if as_json:
        for each in found:
            row = {"path": each.path, "stage": each.stage, "code": each.code}
            seen = {"first_seen": str(each.first_seen), "last_seen": str(each.last_seen)}
            click.echo(json.dumps(row | {"message": each.message} | seen, ensure_ascii=False))
        return
    if not found:
        click.echo("No problems.", err=True)
        return
    rows = [["path", "stage", "code", "message"]]
    rows += [[shown(each.path), each.stage, each.code, each.message] for each in found]
    print_table(rows)
