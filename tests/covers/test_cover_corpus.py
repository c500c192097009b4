"""The pictures of other projects' test suites, each with what independent readers say of it."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image as Pillow

from db.models import Image
from jobs.pictures import store
from jobs.pictures.thumbnails import fitted
from tests.corpus import corpus
from tests.covers.apart import examine_apart
from tests.covers.library import FRONT, Library

PEAK = 512 * 1024 * 1024
DRAWN_UPRIGHT = {"TIFF"}  # whose sizes the manifest gives as they are shown
SAME_PICTURE = 12  # how far two thumbnails may be apart on average, of 255


class Sample(NamedTuple):
    """A picture of the corpus."""

    name: str
    data: bytes
    expected: str
    size: tuple[int, int]

    @property
    def valid(self) -> bool:
        """Whether every reader takes it for a picture."""
        return self.expected == "valid"

    @property
    def rejected(self) -> bool:
        """Whether no reader does."""
        return self.expected.startswith("reject")


def samples(corpus: Path) -> Iterator[Sample]:
    with (corpus / "images_manifest.tsv").open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            path = corpus / "images" / row["repo"].replace("/", "+") / row["path"]
            size = (int(row["width"] or 0), int(row["height"] or 0))
            turned = row["orientation"] in {"5", "6", "7", "8"}
            sideways = turned and row["format"] not in DRAWN_UPRIGHT
            upright = (size[1], size[0]) if sideways else size
            yield Sample(row["path"], path.read_bytes(), row["expected"], upright)


@pytest.fixture(scope="module")
def pictures() -> list[Sample]:
    """Each distinct picture of the corpus."""
    found = {sample.data: sample for sample in samples(corpus("images_manifest.tsv"))}
    assert len(found) > 600
    return list(found.values())


@pytest.mark.usefixtures("data_dir")
def test_every_picture_is_shown_or_says_why_within_the_memory_allowed(
    pictures: list[Sample],
) -> None:
    known = {store.put(sample.data): sample for sample in pictures}
    examined = examine_apart(known)
    wrong = []
    for digest, sample in known.items():
        image = examined.images[digest]
        thumbnail = store.thumbnail(digest)
        assert thumbnail.exists() == (image.fault is None), sample.name
        if (sample.valid and image.fault) or (sample.rejected and not image.fault):
            wrong.append((sample.name, image.fault))
        elif image.fault is None:
            assert (image.width, image.height) == sample.size, sample.name
            with Pillow.open(thumbnail) as opened:
                opened.load()
                assert opened.size == fitted(*sample.size), sample.name
            assert image.colour is not None
            assert image.placeholder is not None
    assert wrong == []
    assert examined.peak <= PEAK


@pytest.mark.usefixtures("data_dir")
@pytest.mark.parametrize("name", [r"Portrait_([1-8])\.jpg", r".*/g4_orientation_([1-8])\.tif"])
def test_one_picture_in_each_orientation_looks_the_same(pictures: list[Sample], name: str) -> None:
    turned = {
        store.put(each.data): int(match[1])
        for each in pictures
        if (match := re.fullmatch(name, each.name))
    }
    assert len(turned) >= 5
    assert all(not image.fault for image in examine_apart(turned).images.values())
    pixels = {turned[digest]: _pixels(store.thumbnail(digest)) for digest in turned}
    for orientation, other in pixels.items():
        assert other.shape == pixels[1].shape, orientation
        assert np.abs(pixels[1] - other).mean() < SAME_PICTURE, orientation
        assert np.abs(pixels[1] - other[::-1, ::-1]).mean() > SAME_PICTURE, orientation


def _pixels(thumbnail: Path) -> np.ndarray:
    with Pillow.open(thumbnail) as opened:
        return np.asarray(opened.convert("L"), dtype=np.int16)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_picture_is_a_cover_or_a_problem_from_tracks_and_from_folders(
    library: Library, pictures: list[Sample]
) -> None:
    for number, sample in enumerate(pictures):
        library.track(f"folder {number}/1.flac", f"folder {number}")
        library.image(f"folder {number}/cover.jpg", sample.data)
        if sample.data:
            library.track(f"track {number}/1.flac", f"track {number}", [(FRONT, sample.data)])
    library.work()
    images = {image.digest: image for image in Image.select()}
    problems = library.problems()
    for number, sample in enumerate(pictures):
        image = images.get(store.digest_of(sample.data))
        can_be_cover = image and not image.fault and min(image.width, image.height) > 1
        assert can_be_cover if sample.valid and min(sample.size) > 1 else True, sample.name
        assert not can_be_cover if sample.rejected else True, sample.name
        for name, path in (("folder", "cover.jpg"), ("track", "1.flac")):
            if name == "track" and not sample.data:
                continue  # a picture of no bytes is no picture
            shown = library.album_shows(f"{name} {number}")
            assert shown == (sample.data if can_be_cover else None), sample.name
            assert (f"{name} {number}/{path}" in problems) == (not can_be_cover), sample.name
