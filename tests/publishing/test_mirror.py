"""The library once more in another tree, and the originals as they were."""

import os
from hashlib import sha256
from pathlib import Path

import mutagen
import pytest

from db.models import Track
from db.publishing.written_files import Kind
from tests.music import picture, write_track
from tests.publishing.exports import Exports, times, tree
from tests.publishing.test_tags import found

PATTERN = "{albumartist}/{album}/{disc}{track} {title}"


@pytest.fixture
def songs(exports: Exports) -> Exports:
    """An album with a cover, of which one track was analysed, and two of one name."""
    for number, title in ((1, "A/B: C"), (2, "Same"), (3, "Same")):
        tags = {"title": title, "artist": "Ann", "album": "Songs", "tracknumber": max(2, number)}
        name = exports.library / f"x/{number}.flac"
        write_track(name, [picture("red")], pitch=400 + number, **tags)
    write_track(exports.library / "y.mp3", title="..", artist="../..", album="")
    exports.scan()
    found(Track.get(Track.path.endswith("1.flac")))
    Track.update(track=2).execute()
    return exports


def test_the_tree_holds_every_track_and_no_original_is_written_through(
    songs: Exports, tmp_path: Path
) -> None:
    before, folder = songs.tree(), tmp_path / "player"
    place = {"folder": str(folder), "pattern": PATTERN, "tags": True}
    songs.plan(Kind.MIRROR, **place)
    assert not folder.exists()
    assert songs.run(Kind.MIRROR, **place) == {"written": 5}
    assert songs.tree() == before
    made = {path for path, digest in tree(folder).items() if digest}
    double = next(path for path in made if "(" in path)
    assert made - {double} == {
        "Ann/Songs/02 A_B_ C.flac",
        "Ann/Songs/02 Same.flac",
        "Ann/Songs/cover.jpg",
        next(path for path in made if path.endswith(".mp3")),
    }
    assert all(".." not in path.split("/") for path in made)
    assert mutagen.File(folder / "Ann/Songs/02 A_B_ C.flac")["bpm"] == ["128"]
    assert (folder / "Ann/Songs/cover.jpg").read_bytes() == picture("red")
    # An edit of the copy reaches no original; one of a hard link would be by its owner.
    copy = folder / "Ann/Songs/02 A_B_ C.flac"
    assert copy.stat().st_nlink == 1
    stood = times(folder)
    assert songs.run(Kind.MIRROR, **place) == {"unchanged": 5}
    assert times(folder) == stood
    (songs.library / "x/2.flac").unlink()
    (folder / "Ann" / "mine.txt").write_text("mine")
    songs.scan()
    counts = songs.run(Kind.MIRROR, **place)
    assert counts["removed"] >= 1
    assert "failed" not in counts
    counts = songs.run(Kind.MIRROR, undo=True, **place)
    assert {path for path, digest in tree(folder).items() if digest} == {"Ann/mine.txt"}
    assert {path: digest for path, digest in songs.tree().items() if digest} == {
        path: digest for path, digest in before.items() if digest and path != "x/2.flac"
    }


def test_whoever_ends_it_leaves_whole_files_and_the_next_goes_on(
    songs: Exports, tmp_path: Path
) -> None:
    before, folder = songs.tree(), tmp_path / "player"
    place = {"folder": str(folder), "pattern": PATTERN, "tags": False}
    step = 0
    while songs.ended_at(step, Kind.MIRROR, **place):
        step += 40
        whole = {digest for digest in [*before.values(), *art()] if digest}
        for path, digest in tree(folder).items():
            assert not digest or digest in whole or ".musicfleet-" in path
    assert step > 80
    assert not list(folder.rglob(".musicfleet-*"))
    assert songs.run(Kind.MIRROR, **place) == {"unchanged": 5}
    assert songs.tree() == before
    assert os.listdir(tmp_path / "player")


def art() -> list[str]:
    """The digest of the cover."""
    return [sha256(picture("red")).hexdigest()]
