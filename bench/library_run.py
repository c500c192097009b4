"""Scans a generated library with a fleet of its own, changes pictures, scans again, and compares.

    python -m bench.library_run DIR GENERATOR [--fraction F]

DIR is what the generator of synthetic libraries wrote, GENERATOR its program, of which the verb
`mutate --kind cover` is used. All is done to a copy, in a data folder beside it; both are deleted
afterwards. Some artists get a picture, for the generator writes none. `bench.library` compares,
once after each scan.

Exit code 0: no difference; 1: some; 2: the fleet or the generator failed, or changed nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from worker.errors import ExitCode

NO_DIFFERENCE, DIFFERENCE, UNUSABLE = 0, 1, 2
EVERY = 6
"""One artist folder in so many gets a picture."""
SIDE = 400


class RunError(Exception):
    """A step without which there is nothing to compare did not succeed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.library_run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("generator", type=Path, metavar="GENERATOR")
    parser.add_argument("--fraction", type=float, default=0.1, help="of the albums (%(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mfbench") as scratch:
        try:
            library = Path(scratch) / "library"
            shutil.copytree(options.folder, library, symlinks=True)
            return _measure(library, options.generator, options.fraction)
        except (RunError, OSError, shutil.Error) as error:
            print(f"nothing to compare: {error}", file=sys.stderr)
            return UNUSABLE


def add_artist_images(music: Path) -> int:
    """Write an `artist.jpg` of its own into some artist folders; returns into how many."""
    folders = sorted(each for each in music.iterdir() if each.is_dir() and not each.is_symlink())
    chosen = [each for each in folders if not each.name.startswith(".")][::EVERY]
    for folder in chosen:
        Image.effect_noise((SIDE, SIDE), 60).convert("RGB").save(folder / "artist.jpg")
    return len(chosen)


def _measure(library: Path, generator: Path, fraction: float) -> int:
    """Both scans and comparisons; raises RunError."""
    scratch = library.parent
    data = {"FLEET_DATA_DIR": str(scratch / "data"), "FLEET_DATABASE_URL": "", "FLEET_WEB": "off"}
    environment = os.environ | data
    add_artist_images(library / "music")
    _scan(library, environment)
    first = _compare(library, ["--keep", str(scratch / "kept.json")], environment)
    _change(library, generator, fraction)
    _scan(library, environment)
    second = _compare(library, ["--since", str(scratch / "kept.json")], environment)
    return max(first, second)


def _scan(library: Path, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "worker.cli", "scan", "--stop", str(library / "music")]
    code = subprocess.run(command, env=environment, check=False).returncode
    if code not in {ExitCode.OK, ExitCode.PROBLEMS}:
        raise RunError(f"`fleet scan` ended with {code} — see what it says above")


def _compare(library: Path, options: Sequence[str], environment: Mapping[str, str]) -> int:
    """Have `bench.library` compare; whether there is a difference, as its exit code has it."""
    command = [sys.executable, "-m", "bench.library", str(library), *options]
    code = subprocess.run(command, env=environment, check=False).returncode
    if code not in {NO_DIFFERENCE, DIFFERENCE}:
        raise RunError(f"`bench.library` ended with {code} — see what it says above")
    return code


def _change(library: Path, generator: Path, fraction: float) -> None:
    """Have the generator write other picture files. That none changed would prove nothing."""
    command = [sys.executable, str(generator), "mutate", "--kind", "cover"]
    command += ["--out", str(library), "--fraction", str(fraction)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise RunError(f"{generator} ended with {ended.returncode} — see what it says above")
    changed = json.loads(ended.stdout.splitlines()[-1])["changed"]
    if not changed:
        raise RunError(f"{generator} changed no picture — give a larger --fraction")


if __name__ == "__main__":
    sys.exit(main())
