"""Makes thumbnails of the same covers with our decoder, with Pillow's thumbnail() and with pyvips.

    python -m bench.thumbnails [--covers N] [--rounds R]

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

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import numpy as np
from PIL import Image

from db.artwork.image_files import THUMBNAIL_FORMAT
from db.sql.queries import slices
from jobs.pictures import store
from jobs.pictures.stored_images import decode_images
from jobs.pictures.thumbnails import Decoded, decode

PASSED, FAILED, UNUSABLE = 0, 1, 2
LEVEL = 0.95
"""How many times as fast as the others ours must be at least: runs differ by that much."""
WORSE = 1.0
"""By how many dB of PSNR ours may be less faithful than the most faithful."""
SIDE, SIZE = 1000, 300
COVERS_A_TURN = 25
OURS, STORED, PILLOW = "ours", "ours, stored", "Pillow"

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
    """Write covers: soft colours, texture, sharp bars as of letters, and a little grain."""
    paths = []
    for number in range(count):
        random = np.random.default_rng(number)
        pixels = 0.7 * _noise(random, 8) + 0.25 * _noise(random, 120)
        for _ in range(60):
            left, top = random.integers(0, SIDE, 2)
            width, height = random.integers(4, 120, 2)
            pixels[top : top + height, left : left + width] = random.integers(0, 255, 3)
        pixels += random.normal(0, 3, pixels.shape)
        path = folder / f"{number}.jpg"
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(path, quality=90, progressive=number % 5 == 0)
        paths.append(path)
    return paths


def run(makers: dict[str, Make], paths: Sequence[Path], rounds: int) -> Results:
    """Measure all in turn, a few covers at a time."""
    results: Results = defaultdict(list)
    for number in range(rounds):
        turns: dict[str, list[Cost]] = defaultdict(list)
        for part in slices(paths, COVERS_A_TURN):
            digests = [store.put(path.read_bytes()) for path in part]
            for name, make in makers.items():
                turns[name].append(_cost(map(make, part)))
            turns[STORED].append(_cost(decode_images(digests)))
        for name, costs in turns.items():
            seconds, cpu = (sum(each) for each in zip(*costs, strict=True))
            results[name].append(Measurement(len(paths) / seconds, cpu / len(paths) * 1000))
        rates = "  ".join(f"{name} {each[-1].rate:.0f}/s" for name, each in results.items())
        print(f"round {number + 1}: {rates}", file=sys.stderr, flush=True)
    return results


def ratio(results: Results, peer: str, name: str = OURS) -> float:
    """How many times as fast as a peer ours is: the median of the rounds."""
    pairs = zip(results[name], results[peer], strict=True)
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


def print_table(results: Results, faithful: dict[str, tuple[float, float]]) -> None:
    """Print what was measured, a line a contender."""
    print(f"{'':16} {'per s':>7} {'CPU ms':>7} {'ours':>6} {'PSNR dB':>8} {'KiB':>6}")
    for name, rounds in results.items():
        rate, cpu = median(each.rate for each in rounds), median(each.cpu for each in rounds)
        times = "" if name == OURS else f"{ratio(results, name):.2f}"
        decibels, size = faithful[OURS if name == STORED else name]
        print(f"{name:16} {rate:7.1f} {cpu:7.1f} {times:>6} {decibels:8.1f} {size:6.1f}")
    print("ours: how many times as fast as that ours is.")


def print_verdict(results: Results, faithful: dict[str, tuple[float, float]]) -> bool:
    """Print whether ours is what it must be; whether it is."""
    passed = True
    for peer in faithful.keys() - {OURS}:
        got = ratio(results, peer)
        passed &= got >= LEVEL
        word = "passed" if got >= LEVEL else "FAILED"
        print(f"{word}: ours is {got:.2f} times as fast as {peer}; required: {LEVEL}")
    best = max(decibels for decibels, _ in faithful.values())
    short = best - faithful[OURS][0]
    passed &= short <= WORSE
    word = "passed" if short <= WORSE else "FAILED"
    print(f"{word}: ours is {short:.1f} dB less faithful than the best; allowed: {WORSE}")
    return passed


def _noise(
    random: np.random.Generator, cells: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Smooth noise of so many cells a side, 0 to 255."""
    small = random.integers(0, 255, (cells, cells, 3), dtype=np.uint8)
    large = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(large, float)


def _cost(work: Iterable[object]) -> Cost:
    """What it takes to come to the end of it."""
    cpu, began = _cpu_seconds(), time.perf_counter()
    deque(work, maxlen=0)
    return Cost(time.perf_counter() - began, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    """What this process and its ended children have used of all cores."""
    return sum(os.times()[:4])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.thumbnails", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--covers", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often all run (%(default)s)")
    options = parser.parse_args(arguments)
    if options.covers < 10 or options.rounds < 1:
        parser.error("too little to measure — give at least --covers 10 and --rounds 1")
    try:
        makers = contenders()
    except (ImportError, OSError) as error:
        print(f"pyvips cannot be run: {error} — run `pip install -e '.[bench]'`", file=sys.stderr)
        return UNUSABLE
    with tempfile.TemporaryDirectory(prefix="mfbench") as folder:
        os.environ["FLEET_DATA_DIR"] = folder
        paths = synthesise(Path(folder), options.covers)
        results = run(makers, paths, options.rounds)
        faithful = {name: fidelity(make, paths[:20]) for name, make in makers.items()}
    print_table(results, faithful)
    return PASSED if print_verdict(results, faithful) else FAILED


if __name__ == "__main__":
    sys.exit(main())
