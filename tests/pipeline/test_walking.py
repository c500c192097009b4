"""Discovery finds the library's files, each once, whatever their names, and nothing else."""

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.scanning.library_files import IgnoreRules, Scope
from db.scanning.selection import LeftOut, Selection
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


def walked(root: Path) -> Walk:
    walk = Walk(os.fsencode(root), b"/nonexistent")
    for _ in walk.groups():
        pass
    return walk


@pytest.mark.parametrize("marker", [".ndignore", ".nomedia"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "device"])
def test_an_ignore_file_that_is_no_file_is_reported_and_hides_nothing(
    tmp_path: Path, marker: str, kind: str
) -> None:
    touch(tmp_path / "a.mp3")
    place = tmp_path / marker
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(place))
    else:
        place.symlink_to("/dev/zero")
    assert found(tmp_path) == ["a.mp3"]
    remark = "so it hides nothing — remove it"
    assert walked(tmp_path).remarks[f"{tmp_path}/{marker}"].endswith(remark)


def test_what_is_named_like_music_and_is_no_file_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3")
    os.mkfifo(tmp_path / "song.mp3")
    os.mkfifo(tmp_path / "cover.jpg")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.mp3").symlink_to("pipe")
    (tmp_path / "folder.mp3").mkdir()
    assert found(tmp_path) == ["a.mp3"]
    assert walked(tmp_path).left_out.counts == {LeftOut.NO_FILE: 4}


def test_an_ignore_file_counts_up_to_a_length_and_is_reported(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3", tmp_path / "last.mp3", tmp_path / "zero.mp3")
    (tmp_path / ".ndignore").write_text("a.mp3\n" + "none\n" * 20_000 + "zero*\n")
    assert found(tmp_path) == ["last.mp3", "zero.mp3"]
    assert "only its first 65,536 bytes count" in walked(tmp_path).remarks[f"{tmp_path}/.ndignore"]


@pytest.mark.parametrize(
    ("pattern", "hidden", "shown"),
    [
        ("demo*", ["demo", "x/demo.mp3"], ["a demo"]),
        ("/demo*", ["demo.mp3"], ["x/demo.mp3"]),
        ("a/*.mp3", ["a/b.mp3"], ["a/b/c.mp3", "x/a/b.mp3"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["z", "b/z"]),
        ("**/live/*", ["live/1", "x/y/live/1"], ["live", "x"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b"]),
        ("?.mp3", ["a.mp3", "x/b.mp3"], ["ab.mp3"]),
        ("[ab].mp3", ["a.mp3"], ["c.mp3"]),
        ("[!ab].mp3", ["c.mp3"], ["a.mp3"]),
        ("[z-a].mp3", ["[z-a].mp3"], ["b.mp3"]),
        ("\\*.mp3", ["*.mp3"], ["a.mp3"]),
        ("\\!a", ["!a"], ["a"]),
        ("a*b*c", ["abc", "axxbxxbc"], ["ab", "acb"]),
        ("[", ["["], ["a"]),
    ],
)
def test_patterns_mean_what_they_mean_in_a_gitignore(
    pattern: str, hidden: list[str], shown: list[str]
) -> None:
    rules = IgnoreRules.of(b"/r", [pattern])
    assert [name for name in hidden + shown if rules.hide(b"/r/" + name.encode(), False)] == hidden


def test_the_last_pattern_that_fits_decides() -> None:
    rules = IgnoreRules.of(b"/r", ["*.mp3", "!keep*", "keep no*"])
    names = [b"/r/a.mp3", b"/r/keep.mp3", b"/r/keep no.mp3"]
    assert [rules.hide(name, False) for name in names] == [True, False, True]


@pytest.mark.parametrize("pattern", ["a*a*a*a*a*a*a*a*b", "*a" * 100 + "*b", "**/a*/" * 20 + "b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    rules, begun = IgnoreRules.of(b"/r", [pattern]), time.process_time()
    for name in ("a" * 255, "aaa/" * 900 + "c"):
        assert not rules.hide(b"/r/" + name.encode(), False)
    assert time.process_time() - begun < 5


@given(
    patterns=st.lists(st.text("ab*?[]!^\\/-. é\n", min_size=1, max_size=40), min_size=1, max_size=5)
)
@settings(max_examples=200)
def test_any_text_is_a_pattern(patterns: list[str]) -> None:
    rules, begun = IgnoreRules.of(b"/r", patterns), time.process_time()
    for name in (b"/r/a", b"/r/" + b"ab/" * 300 + b"a", b"/r/" + b"a" * 255, b"/r/\xff\n"):
        rules.hide(name, is_folder=True)
    assert time.process_time() - begun < 5


def test_linked_files_of_a_folder_are_found_with_what_speaks_of_them(tmp_path: Path) -> None:
    for name in ("a.flac", "a.cue", "b.flac"):
        touch(tmp_path / ".annex" / f"of {name}")
        (tmp_path / "album").mkdir(exist_ok=True)
        (tmp_path / "album" / name).symlink_to(tmp_path / ".annex" / f"of {name}")
    (group,) = Walk(os.fsencode(tmp_path), b"/nonexistent").groups()
    assert [Path(file.path).name for file in group.audio] == ["a.flac", "b.flac"]
    assert [Path(file.path).name for file in group.images] == ["a.cue"]


def test_what_a_scan_leaves_out_is_counted_by_its_reason(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3", tmp_path / "cover.jpg", tmp_path / "b" / "a.cue", tmp_path / "a.log")
    touch(tmp_path / ".hidden" / "b.mp3", tmp_path / "._a.mp3", tmp_path / "demo.mp3")
    touch(tmp_path / "quiet" / "c.mp3")
    (tmp_path / "quiet" / ".nomedia").touch()
    (tmp_path / ".ndignore").write_text("demo*")
    (tmp_path / "out.mp3").symlink_to("/etc/hostname")
    (tmp_path / "dangling.mp3").symlink_to("nowhere")
    (tmp_path / "again.mp3").symlink_to("a.mp3")
    walk = walked(tmp_path)
    assert walk.left_out.counts == {
        **{"other": 1, "cue": 1, "hidden": 1, "hidden-music": 1, "litter": 1, "ignored": 2},
        **{"link": 1, "link-out": 1, "link-broken": 1},
    }
    assert walk.pictures == 1
    note, of_sheet = map(walk.left_out.notes().get, (str(tmp_path), f"{tmp_path}/b"))
    assert note
    assert of_sheet
    assert "1 named .cue, with no music beside (a.cue)" in of_sheet.text
    assert "1 hidden, with music inside (.hidden) — FLEET_HIDDEN=on takes it in" in note.text
    assert "1 linked to another place (out.mp3) — FLEET_FOLLOW_LINKS=on follows it" in note.text


LITTER = (
    *("@Recycle", "@Recently-Snapshot/GMT+01_2026-01-01", "@__thumb", "@tmp", "@eaDir"),
    *("#recycle", "#snapshot", "RECYCLER/S-1-5", "$RECYCLE.BIN/S-1-5", "lost+found"),
    *("System Volume Information", "__MACOSX", "Network Trash Folder", "Temporary Items"),
    *(".Trash-1000/files", ".Trashes", ".stversions", ".stfolder", ".AppleDouble", ".@__thumb"),
    *(".DocumentRevisions-V100", ".sync/Archive", "~snapshot", ".zfs/snapshot"),
)


@pytest.mark.parametrize("hidden", [False, True])
def test_the_litter_of_systems_and_programs_is_never_music(tmp_path: Path, hidden: bool) -> None:
    touch(*(tmp_path / folder / "Gone" / "01.mp3" for folder in LITTER))
    touch(tmp_path / "Recycler" / "01.mp3", tmp_path / "kept" / "._01.mp3")
    walk = Walk(os.fsencode(tmp_path), b"/nonexistent", Selection(hidden=hidden))
    assert [file.path for group in walk.groups() for file in group.audio] == [
        f"{tmp_path}/Recycler/01.mp3"  # an album
    ]
    assert walk.left_out.counts == {"litter": len(LITTER) + 1}


def test_hidden_names_links_out_and_formats_are_taken_in_where_the_owner_says_so(
    tmp_path: Path,
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    touch(root / ".hack" / "1.mp3", root / ".5 The Gray.mp3", root / "tune.mod", root / "x.avi")
    touch(outside / "album" / "2.mp3", outside / "song.mp3")
    (root / "folder").symlink_to(outside)
    (root / "file.mp3").symlink_to(outside / "song.mp3")
    (outside / "back").symlink_to(root)
    (outside / "system").symlink_to("/proc")
    assert found(root) == []
    selection = Selection(hidden=True, follow_links=True, extensions=frozenset(["mod", "avi"]))
    walk = Walk(os.fsencode(root), b"/nonexistent", selection)
    names = {file.path.removeprefix(f"{root}/") for group in walk.groups() for file in group.audio}
    assert names == {
        *(".5 The Gray.mp3", ".hack/1.mp3", "tune.mod", "x.avi"),
        *("folder/album/2.mp3", "folder/song.mp3"),
    }
    assert walk.left_out.counts == {"link": 2, "link-out": 1}


def test_a_path_that_no_database_takes_is_left_out_and_reported(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(15):  # by descriptors, for the whole path is too long for a call
        os.mkdir("長" * 80, dir_fd=folder)
        folder = os.open("長" * 80, os.O_RDONLY, dir_fd=folder)
        os.close(os.open("a.mp3", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    walk = walked(tmp_path)
    assert walk.left_out.counts[LeftOut.LONG_PATH] > 3
    (folder_path,) = walk.remarks
    assert len(folder_path.encode()) <= 2_500


def test_a_part_may_be_deep(tmp_path: Path) -> None:
    deep = str(tmp_path)
    for _ in range(480):
        deep += "/d"
        Path(deep).mkdir()
    os.close(os.open(f"{deep}/a.mp3", os.O_CREAT))
    walk = Walk(os.fsencode(tmp_path), b"/nonexistent")
    (group,) = walk.groups_in(Scope.of([deep], []))
    assert [file.path for file in group.audio] == [f"{deep}/a.mp3"]
