"""Commands that change something: they ask first, or take --yes, and --dry-run changes nothing."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def changes_something(command: Command) -> Command:
    """Give a command the options --yes and --dry-run."""
    yes = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
    dry_run = click.option(
        "-n", "--dry-run", is_flag=True, help="Show what the command would do, and change nothing."
    )
    return yes(dry_run(command))


def agreed(question: str, yes: bool) -> bool:
    """Whether the user wants it; they are asked unless they said --yes.

    Raises click.UsageError when there is nobody to ask.
    """
    if yes:
        return True
    try:
        wanted = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError(f"{question} There is no terminal to ask on: add --yes") from None
    if not wanted:
        click.echo("Nothing was changed.", err=True)
    return wanted
