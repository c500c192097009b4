"""Makes thumbnails of the same covers with our decoder, with Pillow's thumbnail() and with pyvips.

    python -m bench covers [--covers N] [--rounds R]

The covers are synthesised JPEGs of 1000 x 1000 pixels, quality 90, every fifth of them progressive.
Each contender reads a file and returns a JPEG of 300 pixels: quality 80, chroma at half resolution,
no metadata, set upright. Ours is `jobs.pictures.thumbnails.decode`, which in the same time returns
the dominant colour and a ThumbHash, and checks whatever else a picture must pass. "ours, stored" is
what the fleet does with a picture that comes in: in a bounded child, through to files that are safe
on disk. pyvips may use every core, and has its operation cache off, for no cover comes twice;
"pyvips, shrunk" lets libjpeg decode half the pixels, as ours does, which its thumbnail() leaves.

Contenders take turns of 25 covers; a ratio is the median of the rounds' ratios, so that what a
machine does meanwhile touches both sides. Fidelity is the PSNR, in luminance, against the whole
picture made small by Lanczos.

Exit code 0: ours is as fast as required; 1: not so; 2: a contender could not be run.
"""

import os
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import numpy as np
from PIL import Image

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say, verdict
from bench.libraries.music import drawn
from bench.record import results
from bench.record.results import Cell, Result, Table
from db.artwork.image_files import THUMBNAIL_FORMAT
from db.sql.queries import slices
from jobs.pictures import store
from jobs.pictures.stored_images import decode_images
from jobs.pictures.thumbnails import Decoded, decode
from worker import code_version

LEVEL = 0.95
"""How many times as fast as the others ours must be at least: runs differ by that much."""
WORSE = 1.0
"""By how many dB of PSNR ours may be less faithful than the most faithful."""
SIDE, SIZE = 1000, 300
COVERS_A_TURN = 25
OURS, STORED, PILLOW = "ours", "ours, stored", "Pillow"
_PEERS = {PILLOW: "pillow", "pyvips": "pyvips"}
"""The distribution of each peer."""

Make = Callable[[Path], bytes]


class Cost(NamedTuple):
    """What one turn of a contender took, in seconds."""

    wall: float
    cpu: float


class Measurement(NamedTuple):
    """One round of a contender."""

    rate: float
    """Thumbnails a second."""
    cpu: float
    """Milliseconds of all cores a thumbnail."""


Results = dict[str, list[Measurement]]
"""The rounds of each contender."""


def ours(path: Path) -> bytes:
    """The thumbnail by the fleet's decoder."""
    decoded = decode(path, SIZE)
    if not isinstance(decoded, Decoded):
        raise TypeError(f"{path} was refused: {decoded}")
    return decoded.thumbnail


def pillow(path: Path) -> bytes:
    """The thumbnail by Pillow's own `thumbnail`."""
    buffer = BytesIO()
    with Image.open(path) as image:
        image.thumbnail((SIZE, SIZE))
        image.save(buffer, "JPEG", quality=THUMBNAIL_FORMAT.quality)
    return buffer.getvalue()


def contenders() -> dict[str, Make]:
    """Every contender that makes one thumbnail at a time. Raises ImportError without pyvips."""
    import pyvips  # noqa: PLC0415  # of the extra `bench`

    pyvips.cache_set_max(0)
    options = {"Q": THUMBNAIL_FORMAT.quality, "keep": "none"}

    def vips(path: Path) -> bytes:
        image = pyvips.Image.thumbnail(str(path), SIZE, height=SIZE, size="down")
        return bytes(image.jpegsave_buffer(**options))

    def shrunk(path: Path) -> bytes:
        image = pyvips.Image.jpegload(str(path), shrink=2, autorotate=True)
        return bytes(
            image.thumbnail_image(SIZE, height=SIZE, size="down").jpegsave_buffer(**options)
        )

    return {OURS: ours, PILLOW: pillow, "pyvips": vips, "pyvips, shrunk": shrunk}


def synthesise(folder: Path, count: int) -> list[Path]:
    """Write so many covers, see `bench.libraries.music.drawn`."""
    paths = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        path.write_bytes(drawn(number, SIDE, progressive=number % 5 == 0))
        paths.append(path)
    return paths


def run(makers: dict[str, Make], paths: Sequence[Path], rounds: int) -> Results:
    """Measure all in turn, a few covers at a time."""
    measured: Results = defaultdict(list)
    for number in range(rounds):
        turns: dict[str, list[Cost]] = defaultdict(list)
        for part in slices(paths, COVERS_A_TURN):
            digests = [store.put(path.read_bytes()) for path in part]
            for name, make in makers.items():
                turns[name].append(_cost(map(make, part)))
            turns[STORED].append(_cost(decode_images(digests)))
        for name, costs in turns.items():
            seconds, cpu = (sum(each) for each in zip(*costs, strict=True))
            measured[name].append(Measurement(len(paths) / seconds, cpu / len(paths) * 1000))
        rates = "  ".join(f"{name} {each[-1].rate:.0f}/s" for name, each in measured.items())
        say(f"round {number + 1}: {rates}")
    return measured


def ratio(measured: Results, peer: str, name: str = OURS) -> float:
    """How many times as fast as a peer ours is: the median of the rounds."""
    pairs = zip(measured[name], measured[peer], strict=True)
    return median(mine.rate / theirs.rate for mine, theirs in pairs)


def fidelity(make: Make, paths: Sequence[Path]) -> tuple[float, float]:
    """Mean PSNR in dB and mean size in KiB of a contender's thumbnails."""
    decibels, sizes = [], []
    for path in paths:
        data = make(path)
        with Image.open(BytesIO(data)) as thumbnail, Image.open(path) as whole:
            best = whole.convert("L").resize(thumbnail.size, Image.Resampling.LANCZOS)
            error = np.asarray(thumbnail.convert("L"), float) - np.asarray(best, float)
        decibels.append(10 * np.log10(255**2 / np.mean(error**2)))
        sizes.append(len(data) / 1024)
    return mean(decibels), mean(sizes)


def print_table(measured: Results, faithful: dict[str, tuple[float, float]]) -> None:
    """Print what was measured, a line a contender."""
    print(f"{'':16} {'per s':>7} {'CPU ms':>7} {'ours':>6} {'PSNR dB':>8} {'KiB':>6}")
    for name, rounds in measured.items():
        rate, cpu = median(each.rate for each in rounds), median(each.cpu for each in rounds)
        times = "" if name == OURS else f"{ratio(measured, name):.2f}"
        decibels, size = faithful[OURS if name == STORED else name]
        print(f"{name:16} {rate:7.1f} {cpu:7.1f} {times:>6} {decibels:8.1f} {size:6.1f}")
    print("ours: how many times as fast as that ours is.")


def table(measured: Results, faithful: dict[str, tuple[float, float]]) -> Table:
    """The same to be kept."""
    rows: list[list[Cell]] = []
    for name, rounds in measured.items():
        rate, cpu = median(each.rate for each in rounds), median(each.cpu for each in rounds)
        times = None if name == OURS else round(ratio(measured, name), 2)
        decibels, size = faithful[OURS if name == STORED else name]
        rows.append(
            [name, round(rate, 1), round(cpu, 1), times, *(round(x, 1) for x in (decibels, size))]
        )
    columns = ("covers a second", "CPU ms a cover", "ours is", "PSNR, dB", "KiB")
    return Table(columns, rows, plotted="CPU ms a cover")


def print_verdict(measured: Results, faithful: dict[str, tuple[float, float]]) -> bool:
    """Print whether ours is what it must be; whether it is."""
    passed = True
    for peer in faithful.keys() - {OURS}:
        got = ratio(measured, peer)
        text = f"ours is {got:.2f} times as fast as {peer}; required: {LEVEL}"
        passed &= verdict(text, got >= LEVEL)
    best = max(decibels for decibels, _ in faithful.values())
    short = best - faithful[OURS][0]
    text = f"ours is {short:.1f} dB less faithful than the best; allowed: {WORSE}"
    return verdict(text, short <= WORSE) and passed


def _cost(work: Iterable[object]) -> Cost:
    """What it takes to come to the end of it."""
    cpu, began = _cpu_seconds(), time.perf_counter()
    deque(work, maxlen=0)
    return Cost(time.perf_counter() - began, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    """What this process and its ended children have used of all cores."""
    return sum(os.times()[:4])


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("covers", __doc__)
    options.add_argument("--covers", type=int, default=200, help="how many (%(default)s)")
    options.add_argument("--rounds", type=int, default=5, help="how often all run (%(default)s)")
    asked = options.parse_args(arguments)
    if asked.covers < 10 or asked.rounds < 1:
        options.error("too little to measure — give at least --covers 10 and --rounds 1")
    try:
        makers = contenders()
    except (ImportError, OSError) as error:
        raise UnusableRunError(
            f"pyvips cannot be run: {error} — run `pip install -e '.[bench]'`"
        ) from error
    with tempfile.TemporaryDirectory(prefix="mfbench") as folder:
        os.environ["FLEET_DATA_DIR"] = folder
        paths = synthesise(Path(folder), asked.covers)
        load = results.load()
        measured = run(makers, paths, asked.rounds)
        faithful = {name: fidelity(make, paths[:20]) for name, make in makers.items()}
    print_table(measured, faithful)
    what = f"A 300 pixel JPEG of covers of {SIDE} x {SIDE} pixels"
    versions = {"musicfleet": code_version()} | {
        name: version(distribution) for name, distribution in _PEERS.items()
    }
    line, figures = command_line("covers", arguments), table(measured, faithful)
    file = results.write(Result("covers", line, what, figures, versions, load))
    say(f"{file} written")
    return PASSED if print_verdict(measured, faithful) else FAILED
