"""The pictures of other projects' test suites, each with what independent readers say of it."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image as Pillow

from jobs.covers import store
from jobs.covers.examining import examine
from jobs.covers.thumbnails import FORMATS, fitted

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
DECODED = {*FORMATS, "MPO"}  # an MPO is a JPEG with further pictures behind it
HALF_DECODED = {"Tests/images/broken_data_stream.png"}  # the lower half of its pixels is not there


class Sample(NamedTuple):
    """A picture of the corpus."""

    name: str
    data: bytes
    shown: bool
    size: tuple[int, int]


def samples() -> Iterator[Sample]:
    with (CORPUS / "images_manifest.tsv").open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            path = CORPUS / "images" / row["repo"].replace("/", "+") / row["path"]
            shown = row["expected"].startswith("valid") and row["format"] in DECODED
            size = (int(row["width"] or 0), int(row["height"] or 0))
            sideways = row["orientation"] in {"5", "6", "7", "8"}
            yield Sample(
                row["path"],
                path.read_bytes(),
                shown and row["path"] not in HALF_DECODED,
                (size[1], size[0]) if sideways else size,
            )


@pytest.mark.usefixtures("data_dir")
def test_every_picture_of_the_corpus_is_shown_or_says_why() -> None:
    if not (CORPUS / "images_manifest.tsv").exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no corpus at {CORPUS}")
        pytest.skip(f"there is no corpus at {CORPUS}")
    known = {store.put(sample.data): sample for sample in samples()}
    wrong = []
    for image in examine(known):
        sample = known[image.digest]
        shown = image.fault is None
        if shown != sample.shown:
            wrong.append((sample.name, image.fault))
        elif shown:
            assert (image.width, image.height) == sample.size, sample.name
            with Pillow.open(store.thumbnail(image.digest)) as thumbnail:
                thumbnail.load()
                assert thumbnail.size == fitted(*sample.size), sample.name
    assert wrong == []
    assert len(known) > 600
