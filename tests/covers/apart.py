"""Examines pictures of the store in a process of its own, to measure the memory that it takes.

    python -m tests.covers.apart

Reads digests, a line each, and prints a line of JSON: the rows that were found, and the bytes that
the largest of its processes had at its peak.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from db.artwork.images import KnownImage
from jobs.pictures.stored_images import decode_images


class Examined(NamedTuple):
    """The rows of examined pictures, and the memory that it took."""

    images: dict[str, KnownImage]
    peak: int
    """Bytes."""


def examine_apart(digests: Collection[str]) -> Examined:
    """Examine pictures of the store in a new process."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.covers.apart"],
        input="\n".join(digests),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    told = json.loads(process.stdout)
    images = [KnownImage(*row) for row in told["images"]]
    return Examined({image.digest: image for image in images}, told["peak"])


def _main() -> None:
    images = list(decode_images(sys.stdin.read().split()))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    json.dump({"images": images, "peak": max(_own_peak(), children)}, sys.stdout)


def _own_peak() -> int:
    """Bytes; what getrusage reports of this process begins with what its parent had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


if __name__ == "__main__":
    _main()
