"""What albums and artists of a generated library should show, and what they do.

The truth comes from the manifest and the files alone, by rules that are written here once more.
"""

import hashlib
import json
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from db import settings
from db.models import Album, AlbumArtist, Artist, Cover, Image, Track
from db.sql.path_text import to_text
from db.sql.queries import tuples

Row = dict[str, Any]
Differences = dict[str, list[str]]
CHECKS = ("cover", "wrong cover", "extra cover", "wrong source", "artist image", "types")
_NAMES = ("cover", "folder", "front", "albumart")
_PICTURES = {".jpg", ".jpeg", ".png"}


class Shown(NamedTuple):
    """What an entity shows: the SHA-1, as the manifest has it, and where it is from."""

    sha1: str
    source: str


def compare(
    expected: Iterable[Row], known: Mapping[str, Row], music: Path, differences: Differences
) -> None:
    """Compare what each album and artist shows with what it should."""
    shown = shown_by("album")
    titles = dict(tuples(Album.select(Album.id, Album.title)))
    truth: Counter[str] = Counter()
    for album_id, rows in _rows_by_album(expected, known, music).items():
        allowed, source = _truth(rows, music)
        truth[source] += 1
        cover, title = shown.get(album_id), repr(titles[album_id])
        if cover is None and allowed:
            differences["cover"].append(f"{title} has none")
        elif cover is not None and not allowed:
            differences["extra cover"].append(f"{title} has one that is not its own")
        elif cover is not None and cover.sha1 not in allowed:
            differences["wrong cover"].append(title)
        elif cover is not None and cover.source != source:
            differences["wrong source"].append(f"{title}: {source}, got {cover.source}")
    counted = Counter(cover.source for cover in shown.values()) + Counter(
        none=truth.total() - len(shown)
    )
    print(
        f"album covers by source: the library has {_listed(truth)}, the database {_listed(counted)}"
    )
    _compare_artists(music, differences)


def shown_by(entity_type: str) -> dict[int, Shown]:
    """What each entity of a type shows as its front."""
    query = (
        Cover.select(Cover.entity_id, Image.digest, Cover.source)
        .join(Image)
        .where(Cover.entity_type == entity_type, Cover.role == "front")
    )
    return {
        entity_id: Shown(_sha1_of_original(digest), source)
        for entity_id, digest, source in tuples(query)
    }


def counts() -> dict[str, int]:
    """How many covers there are of each type of entity."""
    query = Cover.select(Cover.entity_type)
    return dict(sorted(Counter(entity_type for (entity_type,) in tuples(query)).items()))


def keep(file: Path, music: Path) -> None:
    """Write down what each album shows, and what its picture files are."""
    file.write_text(json.dumps({"albums": _by_key(), "files": _picture_files(music)}))


def since(file: Path, music: Path, differences: Differences) -> None:
    """Compare with what was kept: just the albums beside changed picture files show another."""
    before = json.loads(file.read_text())
    files, albums = _picture_files(music), _by_key()
    touched = {
        path for path in {*files, *before["files"]} if files.get(path) != before["files"].get(path)
    }
    beside = {posixpath.dirname(path) for path in touched}
    should = {key for key, album in albums.items() if beside.intersection(album["folders"])}
    changed = {
        key
        for key, album in albums.items()
        if album["sha1"] != before["albums"].get(key, {}).get("sha1")
    }
    differences["changed"] += [f"{key!r} shows another picture" for key in changed - should]
    differences["unchanged"] += [f"{key!r} shows what it showed" for key in should - changed]
    print(f"{len(touched)} picture files changed, and the covers of {len(changed)} albums")


def _rows_by_album(
    expected: Iterable[Row], known: Mapping[str, Row], music: Path
) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in expected:
        track = known.get(to_text(str(music / row["path"]).encode()))
        if track is not None and track["album_id"] is not None:
            found[track["album_id"]].append(row)
    return found


def _truth(rows: Sequence[Row], music: Path) -> tuple[set[str], str]:
    """The pictures that are right for an album, and their source.

    A picture file of the best name, the nearer the better; else what most tracks carry.
    """
    own = {(music / row["path"]).parent for row in rows}
    parents = {folder.parent for folder in own if folder.name.startswith("CD")} - own
    ranked: dict[tuple[int, int], set[str]] = defaultdict(set)
    for distance, folders in enumerate((own, parents)):
        for file in (file for folder in folders for file in folder.iterdir()):
            if file.stem.lower() in _NAMES and file.suffix.lower() in _PICTURES:
                rank = _NAMES.index(file.stem.lower())
                ranked[rank, distance].add(_sha1(file))
    if ranked:
        return ranked[min(ranked)], "folder"
    embedded = Counter(row["cover"] for row in rows if row["cover"])
    most = max(embedded.values(), default=0)
    return {sha1 for sha1, count in embedded.items() if count == most}, (
        "embedded" if embedded else "none"
    )


def _compare_artists(music: Path, differences: Differences) -> None:
    """Whoever has an artist.jpg or artist.png in the folder of that name shows it."""
    shown = shown_by("artist")
    ids = dict(tuples(Artist.select(Artist.name, Artist.id)))
    files = [file for file in music.glob("*/artist.*") if file.suffix.lower() in _PICTURES]
    leaders = {
        name
        for (name,) in tuples(
            AlbumArtist.select(Artist.name).join(Artist).where(AlbumArtist.position == 0)
        )
    }
    for file in files:
        name = file.parent.name
        if name in leaders and shown.get(ids[name], Shown("", "")).sha1 != _sha1(file):
            differences["artist image"].append(f"{name!r} does not show {file}")
    counted = counts()
    needed = {"album", "track"} | ({"artist"} if files else set())
    differences["types"] += [f"no {each} has a cover" for each in sorted(needed - counted.keys())]
    print(f"{len(files)} artist images in the library; covers: {_listed(Counter(counted))}")


def _by_key() -> dict[str, Row]:
    """What each album shows and the folders of its tracks and above, by its key."""
    shown = shown_by("album")
    found = {}
    for album in Album.select():
        folders = set(tuples(Track.select(Track.folder).where(Track.album == album)))
        folders |= set(tuples(Track.select(Track.group_folder).where(Track.album == album)))
        cover = shown.get(album.id)
        found[album.key] = {
            "sha1": cover.sha1 if cover else None,
            "folders": sorted(folder for (folder,) in folders),
        }
    return found


def _picture_files(music: Path) -> dict[str, str]:
    return {
        to_text(bytes(file)): _sha1(file)
        for file in sorted(music.rglob("*"))
        if file.suffix.lower() in _PICTURES and file.is_file()
    }


def _sha1(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


def _sha1_of_original(digest: str) -> str:
    file = settings.images_dir() / "originals" / digest[:2] / digest[2:4] / digest
    return _sha1(file) if file.exists() else "no file"


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
