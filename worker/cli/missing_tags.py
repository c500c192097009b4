"""`fleet missing-tags`: which tags are missing, by album."""

import csv
import json
import sys
from collections.abc import Sequence

import click

from db.connection import open_database
from db.missing_tags import FIELDS, Lacking, by_album
from db.paths import shown
from db.schema import check_schema
from worker.cli.tables import print_table


@click.command(
    epilog="""\b
Examples:
  fleet missing-tags
  fleet missing-tags --csv > missing.csv
  fleet missing-tags --json | jq -r 'select(.missing.genre) | .folder'
""",
)
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def missing_tags(as_csv: bool, as_json: bool) -> None:
    """List the albums whose tracks lack tags, and how many of them lack which."""
    open_database()
    check_schema()
    if as_json:
        for each in by_album():
            click.echo(json.dumps(each._asdict() | {"folder": shown(each.folder)}))
        return
    heading = ["album artist", "album", "folder", "tracks", *(f"no {name}" for name in FIELDS)]
    rows = [heading, *map(_row, by_album())]
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
    elif len(rows) == 1:
        click.echo("No tag is missing.", err=True)
    else:
        print_table(rows)


def _row(each: Lacking) -> Sequence[str]:
    counts = (str(each.missing.get(name) or "") for name in FIELDS)
    names = (each.album_artist or "", each.album or "", shown(each.folder))
    return [*names, str(each.tracks), *counts]
