"""`python -m demo [DIR]`: make the demo library, unless it is there, and print its folder."""

import sys
from pathlib import Path

import click

from db.scanning.library_files import DEMO_FOLDER
from db.settings import data_dir, prepare_data_dir
from demo.library import make


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
def main(folder: Path | None) -> None:
    """Make the demo library in DIR, unless DIR holds something, and print the folder's path.

    The default is DEMO_FOLDER in the fleet's data folder, so that what belongs together lies
    together, and goes together.
    """
    try:
        if folder is None:
            prepare_data_dir()
            folder = data_dir() / DEMO_FOLDER
        if make(folder.absolute()):
            click.echo(f"Made a small demo library in {folder}", err=True)
    except OSError as error:
        sys.exit(f"the demo library cannot be written: {error} — set FLEET_DATA_DIR elsewhere")
    click.echo(folder.absolute())


if __name__ == "__main__":
    main(prog_name="python -m demo")
