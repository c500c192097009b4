"""`fleet scale`: how many processes a program has, for the time being."""

import click

from worker.cli.asking import changes_something
from worker.cli.changes import carry_out
from worker.cli.tables import print_table
from worker.supervisor.planning import running_counts, scaled
from worker.topology import load


@click.command(
    epilog="""\b
Examples:
  fleet scale                  how many processes each program has
  fleet scale covers 3
  fleet scale covers 1 --yes
""",
)
@click.argument("program", required=False)
@click.argument("count", required=False, type=click.IntRange(min=0))
@changes_something
def scale(program: str | None, count: int | None, yes: bool, dry_run: bool) -> None:
    """Set the number of worker processes of PROGRAM to COUNT.

    Starts or stops single processes, and asks before it ends one. The number holds until the next
    `fleet reload` or `fleet down`; write it into queues.toml to keep it. Until then worker
    rebalancing moves no process to or from PROGRAM, and the other programs start with the numbers
    of queues.toml. COUNT cannot be 0 when no other program consumes the same queues; `fleet queue
    pause` pauses a queue.
    """
    if program is None:
        _list()
    elif count is None:
        raise click.UsageError("Missing argument 'COUNT'.")
    elif carry_out(scaled(program, count), dry_run=dry_run, yes=yes):
        click.echo(
            f"{program} x{count} until the next `fleet reload`, or until the fleet is stopped; "
            f"queues.toml says x{load().programs[program].processes}.",
            err=True,
        )


def _list() -> None:
    counts = running_counts()
    rows = [["program", "processes", "in queues.toml", "queues"]]
    for program in load().programs.values():
        bounds = f" ({program.least} to {program.most})" if program.is_elastic else ""
        said = f"{program.processes}{bounds}"
        rows.append([program.name, str(counts[program.name]), said, " ".join(program.queues)])
    print_table(rows)
