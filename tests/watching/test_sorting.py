"""What a change concerns is what a scan would find there."""

import os
from pathlib import Path

import pytest

from watch.changes import Concern, Kind, Sorter


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a disc folder, a link, and the fleet's data folder."""
    root = tmp_path.resolve() / "music"
    for folder in ("Album/CD1", ".hidden", "Album/@eaDir", "data"):
        (root / folder).mkdir(parents=True)
    for file in ("Album/CD1/1.flac", "Album/1.log", ".hidden/1.flac", "data/1.flac", "a.mp3"):
        (root / file).touch()
    (root / "link.mp3").symlink_to(root / "a.mp3")
    (root / "inside").symlink_to(root / "Album")
    (root / "outside").symlink_to(tmp_path)
    return root


def concern(root: Path, path: str) -> tuple[Kind, str] | None:
    """Kind and path below the root."""
    sorter = Sorter(os.fsencode(root), os.fsencode(root / "data"))
    found: Concern | None = sorter.concern(os.fsencode(root / path))
    return found and (found.kind, os.path.relpath(found.path, root))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Album/CD1/1.flac", (Kind.FOLDER, "Album")),
        ("a.mp3", (Kind.FOLDER, ".")),
        ("Album/1.log", (Kind.ACTIVITY, "Album")),
        ("Album/CD1", (Kind.NEW_FOLDER, "Album/CD1")),
        ("Album/gone.flac", (Kind.TREE, "Album/gone.flac")),
        ("Album/.ndignore", (Kind.TREE, "Album")),
        ("link.mp3", (Kind.ALL, ".")),
        ("inside/CD1/1.flac", (Kind.ALL, ".")),
        ("outside/1.flac", None),
        (".hidden/1.flac", None),
        ("Album/@eaDir/1.jpg", None),
        ("Album/.1.flac.part", None),
        ("data/1.flac", None),
        ("../other/1.flac", None),
    ],
)
def test_a_change_concerns(root: Path, path: str, expected: tuple[Kind, str] | None) -> None:
    assert concern(root, path) == expected
