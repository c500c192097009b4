"""A file's content keeps its identity wherever the file goes."""

from pathlib import Path

from jobs.content import content_id, content_id_of
from tests.metadata.conftest import Found, Read
from tests.music import tone

MEGABYTE = 1024 * 1024


def _id(folder: Path, data: bytes) -> str:
    path = folder / "file"
    path.write_bytes(data)
    return content_id_of(bytes(path))


def test_a_copy_has_the_same_id(read: Read) -> None:
    assert read("a.mp3", tone("mp3")).content_id == read("b.mp3", tone("mp3")).content_id


def test_discovery_and_reading_give_one_id(read: Read, found: Found) -> None:
    data = tone("wav") * 40
    assert read("a.wav", data).content_id == content_id_of(found("b", data).path.encode())


def test_a_change_at_head_middle_or_tail_or_of_the_size_changes_it(tmp_path: Path) -> None:
    data = bytes(MEGABYTE)
    variants = [
        data,
        b"x" + data[1:],
        data[: MEGABYTE // 2] + b"x" + data[MEGABYTE // 2 + 1 :],
        data[:-1] + b"x",
        data + b"\0",
    ]
    assert len({_id(tmp_path, variant) for variant in variants}) == len(variants)


def test_every_byte_of_a_small_file_counts(tmp_path: Path) -> None:
    assert _id(tmp_path, bytes(1000)) != _id(tmp_path, bytes(400) + b"x" + bytes(599))


def test_an_open_file_may_stand_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"music")
    with path.open("rb") as file:
        file.seek(3)
        assert content_id(file, 5) == content_id_of(bytes(path))
