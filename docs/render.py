"""Render the tables of the documentation from what they tell of.

    python docs/render.py            write them
    python docs/render.py --check    only say which differ; ends with 1 when one does

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`, once a file, in any of `FILES`.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from db.settings import SETTINGS
from worker.cli.config import as_markdown
from worker.exit_codes import ExitCode
from worker.topology import load

ROOT = Path(__file__).parents[1]
FILES = ("README.md", "docs/design.md", "docs/settings.md")


def queues() -> str:
    """The queues of this repository's queues.toml."""
    return as_markdown(load(ROOT / "queues.toml"))


def settings() -> str:
    """Every FLEET_* setting."""
    rows = ((f"`{each.name}`", each.default, each.help) for each in SETTINGS)
    return _table(("variable", "when it is unset", "what it is"), rows)


def exit_codes() -> str:
    """How `fleet` ends."""
    return _table(("code", "meaning"), ((f"`{code:d}`", code.meaning) for code in ExitCode))


TABLES: dict[str, Callable[[], str]] = {
    "queues": queues,
    "settings": settings,
    "exit codes": exit_codes,
}


def rendered(text: str) -> str:
    """The text with every table of `TABLES` that it has a place for."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if found and closed:
            text = f"{before}{begin}\n\n{table()}\n\n{end}{after}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Write or check, and return the exit code."""
    differing = 0
    for name in FILES:
        file = ROOT / name
        text = file.read_text(encoding="utf-8")
        new = rendered(text)
        if text == new:
            continue
        differing += 1
        if "--check" in arguments:
            click.echo(f"{name}: a table is not as it would be rendered — run `make docs`")
        else:
            file.write_text(new, encoding="utf-8")
            click.echo(f"{name} written")
    return 1 if differing and "--check" in arguments else 0


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
