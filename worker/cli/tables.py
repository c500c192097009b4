"""Tables on stdout: drawn on a terminal, plain columns for everything else."""

import sys
from collections.abc import Sequence

import click


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells; the first row is the heading.

    Where stdout is no terminal the columns are separated by tabs, and nothing is cut or folded.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415  # 30 ms that a pipe does without
    from rich.table import Table  # noqa: PLC0415  # as above

    table = Table(*rows[0])
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)
