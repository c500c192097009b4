"""What `fleet reload` and `fleet scale` have in common: showing, asking, doing."""

import click

from worker.cli.asking import agreed
from worker.supervisor.changing import apply
from worker.supervisor.planning import Change


def carry_out(change: Change, *, dry_run: bool, yes: bool) -> bool:
    """Show a change, ask where something that runs would be ended, and do it; whether it was done.

    Raises click.UsageError when there is nobody to ask.
    """
    if dry_run:
        click.echo(_described(change))
        return False
    click.echo(_described(change), err=True)
    ended = change.interrupted()
    question = f"End {', '.join(ended)}? Jobs at hand are finished or put back."
    if ended and not agreed(question, yes):
        return False
    apply(change, lambda line: click.echo(line, err=True))
    return True


def _described(change: Change) -> str:
    parts = {"start": change.starts, "stop": change.stops, "restart": change.restarts}
    lines = [f"{verb:8} {', '.join(names)}" for verb, names in parts.items() if names]
    return "\n".join(lines) or "No process is started, stopped or restarted."
