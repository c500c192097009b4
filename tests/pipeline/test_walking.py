"""Discovery finds the library's files, each once, whatever their names, and nothing else."""

import os
from pathlib import Path

import pytest

from db.sql.path_text import to_bytes, to_text
from jobs.scan.tree_walk import Walk


def found(root: Path, data_dir: Path = Path("/nonexistent")) -> list[str]:
    """The audio files below the root, relative to it."""
    walk = Walk(os.fsencode(root), os.fsencode(data_dir))
    prefix = str(root) + "/"
    return [file.path.removeprefix(prefix) for group in walk.groups() for file in group.audio]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_audio_is_told_by_its_extension_in_any_case(tmp_path: Path) -> None:
    touch(tmp_path / "a.MP3", tmp_path / "b.flac", tmp_path / "c.txt", tmp_path / "d.jpg")
    assert found(tmp_path) == ["a.MP3", "b.flac"]


def test_hidden_folders_and_apple_doubles_are_left_alone(tmp_path: Path) -> None:
    touch(tmp_path / ".hidden" / "a.mp3", tmp_path / "._b.mp3", tmp_path / ".c.mp3")
    touch(tmp_path / "@eaDir" / "d.mp3", tmp_path / "#recycle" / "e.mp3")
    assert found(tmp_path) == []


def test_a_name_that_begins_with_an_ellipsis_is_not_hidden(tmp_path: Path) -> None:
    touch(tmp_path / "...And Justice for All" / "a.mp3")
    assert found(tmp_path) == ["...And Justice for All/a.mp3"]


@pytest.mark.parametrize("marker", [".nomedia", ".ndignore"])
def test_a_marked_folder_is_skipped_with_all_below_it(tmp_path: Path, marker: str) -> None:
    touch(tmp_path / "out" / "below" / "a.mp3", tmp_path / "in" / "b.mp3")
    (tmp_path / "out" / marker).touch()
    assert found(tmp_path) == ["in/b.mp3"]


def test_the_patterns_of_an_ndignore_hide_what_they_match(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3", tmp_path / "demo a.mp3", tmp_path / "Karaoke" / "b.mp3")
    (tmp_path / ".ndignore").write_text("# not these\ndemo*\nKaraoke/\n")
    assert found(tmp_path) == ["a.mp3"]


def test_the_own_data_folder_is_no_library(tmp_path: Path) -> None:
    touch(tmp_path / "data" / "a.mp3", tmp_path / "b.mp3")
    assert found(tmp_path, data_dir=tmp_path / "data") == ["b.mp3"]


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.mp3", tmp_path / "root" / "b.mp3")
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "file.mp3").symlink_to(tmp_path / "elsewhere" / "a.mp3")
    assert found(tmp_path / "root") == ["b.mp3"]


def test_a_sibling_whose_name_begins_like_the_root_is_outside_of_it(tmp_path: Path) -> None:
    touch(tmp_path / "music2" / "a.mp3", tmp_path / "music" / "b.mp3")
    (tmp_path / "music" / "link").symlink_to(tmp_path / "music2")
    assert found(tmp_path / "music") == ["b.mp3"]


def test_links_inside_the_root_find_no_file_twice(tmp_path: Path) -> None:
    touch(tmp_path / "album" / "a.mp3")
    (tmp_path / "again").symlink_to(tmp_path / "album")
    (tmp_path / "alias.mp3").symlink_to(tmp_path / "album" / "a.mp3")
    assert found(tmp_path) == ["album/a.mp3"]


def test_a_link_to_what_the_walk_does_not_reach_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / ".git" / "annex" / "object.mp3")
    (tmp_path / "song.mp3").symlink_to(tmp_path / ".git" / "annex" / "object.mp3")
    assert found(tmp_path) == ["song.mp3"]


def test_two_links_to_one_file_find_it_once(tmp_path: Path) -> None:
    touch(tmp_path / ".objects" / "a1b2")
    (tmp_path / "song.mp3").symlink_to(tmp_path / ".objects" / "a1b2")
    (tmp_path / "again.mp3").symlink_to(tmp_path / ".objects" / "a1b2")
    assert found(tmp_path) == ["again.mp3"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "b" / "c.mp3")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert found(tmp_path) == ["a/b/c.mp3"]


@pytest.mark.parametrize(
    "name",
    [
        b"\xff\xfe.mp3",
        b"what?.mp3",
        b"a\nb.mp3",
        "é.mp3".encode(),
        b"e\xcc\x81.mp3",
        b"#100% & 'more' [x].mp3",
        b" lead and trail .mp3",
        "\uf780.mp3".encode(),
    ],
)
def test_any_name_that_linux_allows_is_found_and_leads_back_to_the_file(
    tmp_path: Path, name: bytes
) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:
        file.write(b"x")
    (text,) = found(tmp_path)
    text.encode("utf-8")  # any database and JSON can hold it
    assert to_bytes(text) == name


def test_disc_folders_belong_to_the_group_of_their_parent(tmp_path: Path) -> None:
    touch(*(tmp_path / "Album" / disc / "1.mp3" for disc in ("CD1", "CD 2", "Disc 3 - Live")))
    touch(tmp_path / "Album" / "bonus.mp3", tmp_path / "Album" / "Discovery" / "1.mp3")
    walk = Walk(os.fsencode(tmp_path), b"/nonexistent")
    groups = {group.folder: len(group.audio) for group in walk.groups()}
    album = to_text(os.fsencode(tmp_path / "Album"))
    assert groups == {album: 4, f"{album}/Discovery": 1}
