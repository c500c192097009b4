"""Scans a generated library with a fleet of its own, changes pictures, scans again, and compares.

    python -m bench library DIR GENERATOR [--fraction F]

DIR is what a generator of synthetic libraries wrote: `music/`, and `manifest.jsonl` with what is
true. GENERATOR is its program, of which the verb `mutate --kind cover` is used. All is done to a
copy, in a data folder beside it; both are deleted afterwards. Some artists get a picture, for the
generator writes none. Tags, albums, covers and their sources are compared once after each scan.

Exit code 0: no difference; 1: some; 2: the fleet or the generator failed, or changed nothing.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from bench.command import FAILED, PASSED, UnusableRunError, parser
from bench.peers.programs import Ours
from bench.quality.library_tables import compare
from db.sql.connection import close_database, open_database

EVERY = 6
"""One artist folder in so many gets a picture."""
SIDE = 400


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("library", __doc__)
    options.add_argument("folder", type=Path, metavar="DIR")
    options.add_argument("generator", type=Path, metavar="GENERATOR")
    options.add_argument("--fraction", type=float, default=0.1, help="of the albums (%(default)s)")
    asked = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mfbench", dir="/tmp") as scratch:
        try:
            library = Path(scratch) / "library"
            shutil.copytree(asked.folder, library, symlinks=True)
            good = _measure(library, asked.generator, asked.fraction)
        except (OSError, shutil.Error) as error:
            raise UnusableRunError(f"nothing to compare: {error}") from error
    return PASSED if good else FAILED


def add_artist_images(music: Path) -> int:
    """Write an `artist.jpg` of its own into some artist folders; returns into how many."""
    folders = sorted(each for each in music.iterdir() if each.is_dir() and not each.is_symlink())
    chosen = [each for each in folders if not each.name.startswith(".")][::EVERY]
    for folder in chosen:
        Image.effect_noise((SIDE, SIDE), 60).convert("RGB").save(folder / "artist.jpg")
    return len(chosen)


def _measure(library: Path, generator: Path, fraction: float) -> bool:
    """Both scans and comparisons; whether there is no difference. Raises UnusableRunError."""
    ours, kept = Ours(library / "music", library.parent), library.parent / "kept.json"
    os.environ |= {"FLEET_DATA_DIR": str(ours.data), "FLEET_DATABASE_URL": ""}
    add_artist_images(library / "music")
    good = True
    for changed in (False, True):
        if changed:
            _change(library, generator, fraction)
        ours.fleet("scan", "--stop", "--", str(library / "music"))
        open_database()
        good &= compare(library, kept, changed=changed)
        close_database()
    return good


def _change(library: Path, generator: Path, fraction: float) -> None:
    """Have the generator write other picture files. That none changed would prove nothing."""
    command = [sys.executable, str(generator), "mutate", "--kind", "cover"]
    command += ["--out", str(library), "--fraction", str(fraction)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise UnusableRunError(f"{generator} ended with {ended.returncode}, see above")
    changed = json.loads(ended.stdout.splitlines()[-1])["changed"]
    if not changed:
        raise UnusableRunError(f"{generator} changed no picture — give a larger --fraction")
