"""Pictures by their content: what is sent, how long it is kept, and what is no picture."""

import io
import os
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image as Pillow

from db import settings
from db.artwork import image_files, images
from db.models import Cover, Image, database

NOWHERE = "0" * 64


@pytest.fixture
def digest(page: FlaskClient) -> str:
    """The picture of 1200 x 900 pixels."""
    return str(Image.get(Image.width == 1200).digest)


def stored() -> dict[Path, int]:
    """Every file of the store, and its size."""
    return {
        each: each.stat().st_size for each in settings.images_dir().rglob("*") if each.is_file()
    }


def test_every_cover_has_its_thumbnail(page: FlaskClient) -> None:
    digests = {cover.image.digest for cover in Cover.select()}
    assert len(digests) == 3
    for each in digests:
        answer = page.get(f"/images/{each}/300.jpg")
        assert answer.mimetype == "image/jpeg"
        with Pillow.open(io.BytesIO(answer.data)) as picture:
            assert max(picture.size) == 300


def test_the_original_is_sent_to_the_byte(page: FlaskClient, digest: str) -> None:
    answer = page.get(f"/images/{digest}/original")
    assert answer.data == image_files.original(digest).read_bytes()
    assert answer.mimetype == "image/jpeg"


@pytest.mark.parametrize("size", ["300.jpg", "original"])
def test_a_browser_keeps_a_picture_for_good_and_knows_it_again(
    page: FlaskClient, digest: str, size: str
) -> None:
    answer = page.get(f"/images/{digest}/{size}")
    assert "immutable" in answer.headers["Cache-Control"]
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    again = page.get(f"/images/{digest}/{size}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_a_size_that_nobody_can_make_is_replaced_and_not_kept(
    page: FlaskClient, digest: str
) -> None:
    answer = page.get(f"/images/{digest}/800.jpg")  # no worker runs
    assert answer.status_code == 200
    assert answer.data == image_files.thumbnail(digest, 300).read_bytes()
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_small_picture_is_not_asked_for_larger_than_it_is(page: FlaskClient) -> None:
    small = Image.get(Image.width == 400).digest
    tag = page.get(f"/images/{small}/800.jpg").headers.get("ETag", "")
    assert "800" not in tag


@pytest.mark.parametrize(
    "size",
    ["0", "-1", "1000000000", "299", "0300", "300.0", "3e2", "+300", "٣٠٠", "300%00"],
)
def test_only_the_fixed_sizes_exist(page: FlaskClient, digest: str, size: str) -> None:
    assert page.get(f"/images/{digest}/{size}.jpg").status_code == 404


def test_sizes_that_are_tried_leave_nothing_on_the_disk(page: FlaskClient, digest: str) -> None:
    before = stored()
    tried = {
        *range(1, 10_000, 37),
        *(size + step for size in image_files.SIZES for step in (-1, 1)),
    }
    sizes = tried - {*image_files.SIZES}
    answers = {page.get(f"/images/{digest}/{size}.jpg").status_code for size in sizes}
    assert answers == {404}
    assert stored() == before


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "%2e%2e",
        "..%2f..%2flibrary.db",
        "%5c..%5c..",
        "..\\..\\library.db",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "%00",
        f"{NOWHERE}%00",
        NOWHERE,
        "0" * 63,
        "0" * 65,
        "0" * 20_000,
        "A" * 64,
        "\u0660" * 64,
        "%ff%fe",
    ],
)
@pytest.mark.parametrize("size", ["300.jpg", "original"])
def test_what_is_no_digest_of_a_picture_is_no_page(page: FlaskClient, name: str, size: str) -> None:
    answer = page.get(f"/images/{name}/{size}")
    assert answer.status_code in {404, 308}
    assert b"root:" not in answer.data
    assert b"SQLite" not in answer.data


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_link_out_of_the_store_is_not_followed(
    page: FlaskClient, digest: str, tmp_path: Path, whole_folder: bool
) -> None:
    secret = tmp_path / "folder" / digest
    secret.parent.mkdir()
    secret.write_bytes(b"secret")
    file = image_files.original(digest)
    file.unlink()
    if whole_folder:
        for each in file.parent.iterdir():
            each.unlink()
        file.parent.rmdir()
        file.parent.symlink_to(secret.parent)
    else:
        file.symlink_to(secret)
    answer = page.get(f"/images/{digest}/original")
    assert answer.status_code == 404
    assert b"secret" not in answer.data


def test_a_link_to_a_neighbour_is_not_followed(page: FlaskClient, digest: str) -> None:
    other = Image.get(Image.digest != digest).digest
    image_files.original(digest).unlink()
    image_files.original(digest).symlink_to(image_files.original(other))
    assert page.get(f"/images/{digest}/original").status_code == 404


def test_a_device_in_the_store_is_not_read(page: FlaskClient, digest: str) -> None:
    image_files.original(digest).unlink()
    os.mkfifo(image_files.original(digest))
    assert page.get(f"/images/{digest}/original").status_code == 404


@pytest.mark.parametrize("mime", ["text/html", "image/svg+xml", "application/pdf"])
def test_what_a_browser_would_run_is_only_to_be_saved(
    page: FlaskClient, digest: str, mime: str
) -> None:
    with database.atomic():
        (known,) = images.known_images([digest]).values()
        images.record([known._replace(mime=mime)])
    answer = page.get(f"/images/{digest}/original")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
