"""`fleet reload`: have the fleet that runs take up an edited queues.toml."""

import click

from worker.cli.asking import changes_something
from worker.cli.changes import carry_out
from worker.supervisor.planning import reloaded


@click.command(
    epilog="""\b
Examples:
  fleet reload --dry-run
  fleet reload
""",
)
@changes_something
def reload(yes: bool, dry_run: bool) -> None:
    """Apply an edited queues.toml to the running fleet.

    Starts, stops or restarts only the processes that the edit concerns, and asks before it ends
    one. The other workers keep running and reread queues.toml. This resets the numbers of processes
    that `fleet scale` or worker rebalancing changed to those of queues.toml.

    It changes nothing when queues.toml has a fault, or when a queue that holds jobs would lose its
    last consumer.
    """
    if carry_out(reloaded(), dry_run=dry_run, yes=yes):
        click.echo("The fleet runs by the present queues.toml.", err=True)
