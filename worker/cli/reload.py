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
    """Have the fleet that runs take up an edited queues.toml.

    Only those processes are started, stopped or restarted that the edit concerns, and it asks
    before it ends one. The other workers go on, and read queues.toml anew. What `fleet scale` has
    changed, and what was lent by rebalancing, goes back to what queues.toml says.

    Nothing is changed when queues.toml has a fault, or when a queue that holds jobs would be left
    without a consumer.
    """
    if carry_out(reloaded(), dry_run=dry_run, yes=yes):
        click.echo("The fleet goes by queues.toml as it is now.", err=True)
