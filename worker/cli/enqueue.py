"""`fleet enqueue`: put a job in the queue that queues.toml routes it to."""

import json
from typing import Any

import click

from db import ledger
from db.connection import open_database, transaction
from db.models import State
from db.schema import check_schema
from db.slices import slices
from worker import dispatch
from worker.errors import BadInputError
from worker.topology import load

_IDS_PER_JOB = 50
_MISSING = (State.TODO, State.LEASED)
_FAILED = (State.FAILED, State.QUARANTINED)


@click.command(
    epilog="""\b
Examples:
  fleet enqueue maintenance.cleanup_expired_tasks
  fleet enqueue covers.process_album_covers 'album_ids=[12, 13]'
  fleet enqueue covers.process_album_covers --missing
  fleet enqueue covers.extract_embedded --failed
""",
)
@click.argument("job")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--missing", "which", flag_value="missing", help="For what was never settled.")
@click.option("--failed", "which", flag_value="failed", help="For what failed.")
@click.option("--all", "which", flag_value="all", help="For everything, anew.")
def enqueue(job: str, arguments: tuple[str, ...], which: str | None) -> None:
    """Put JOB in the queue that queues.toml routes it to, and print the id of each job.

    Values are JSON, or else text. With --missing, --failed or --all the ids come from the ledger.
    """
    load().route(job)  # a name that is not routed is refused before anything is opened
    if which and arguments:
        raise click.UsageError(f"--{which} takes the ids from the ledger, and no arguments beside")
    jobs = _from_ledger(job, which) if which else [_arguments(arguments)]
    for each in jobs:
        click.echo(dispatch.enqueue(job, **each))
    if not jobs:
        click.echo(f"Nothing to do: the ledger has no row for {job} --{which}.", err=True)


def _from_ledger(job: str, which: str) -> list[dict[str, Any]]:
    need = next((each for each in ledger.NEEDS if each.job == job), None)
    if need is None:
        jobs = ", ".join(each.job for each in ledger.NEEDS)
        raise BadInputError(f"{job} has no rows in the ledger for --{which} — these have: {jobs}")
    open_database()
    check_schema()
    if which == "missing":
        ids = ledger.with_state(need, _MISSING)
    else:
        with transaction():
            chosen = ledger.with_state(need, _FAILED if which == "failed" else None)
            ids = ledger.need(need.kind, need.entity_type, chosen)
    return [{need.argument: list(part)} for part in slices(ids, _IDS_PER_JOB)]


def _arguments(texts: tuple[str, ...]) -> dict[str, Any]:
    arguments = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.UsageError(f"{text!r} is no argument: write NAME=VALUE")
        try:
            arguments[name] = json.loads(value)
        except json.JSONDecodeError:
            arguments[name] = value
    return arguments
