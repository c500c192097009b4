"""What the tables say of a generated library, compared with its manifest."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.quality import library_covers
from db.library.names import name_key
from db.models import Artist, Genre, Track, TrackArtist, TrackGenre
from db.sql.path_text import to_text
from db.sql.queries import tuples

Row = dict[str, Any]


def compare(folder: Path, kept: Path, *, changed: bool) -> bool:
    """Print each difference between the open database and `manifest.jsonl`; whether there is none.

    What the manifest lacks and names of files said, marked as guessed, is no difference.
    What is shown is written into the file `kept`, or with `changed` compared with what that has,
    now that picture files were changed and scanned.
    """
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").open(encoding="utf-8")]
    expected = [row for row in rows if row["kind"] == "track" and not row["damage"]]
    known = _tracks()
    differences: dict[str, list[str]] = defaultdict(list)
    root = str((folder / "music").resolve())
    for row in expected:
        _compare_track(row, known.get(to_text(f"{root}/{row['path']}".encode())), differences)
    _compare_albums(expected, known, root, differences)
    library_covers.compare(expected, known, Path(root), differences)
    if changed:
        library_covers.since(kept, Path(root), differences)
    else:
        library_covers.keep(kept, Path(root))
    print(f"{len(expected)} readable tracks in the manifest, {len(known)} in the database")
    for check in _CHECKS:
        print(f"  {check:14} {len(differences[check])} differ")
        for line in differences[check][:10]:
            print(f"      {line}")
    return not any(differences.values())


_FIELDS: dict[str, Callable[[Row], Any]] = {
    "title": lambda tags: tags.get("title"),
    "album": lambda tags: tags.get("album"),
    "track": lambda tags: _pair(tags.get("track_s")),
    "disc": lambda tags: _pair(tags.get("disc_s")),
    "date": lambda tags: tags.get("date"),
    "artists": lambda tags: tags.get("artists", []),
    "albumartist": lambda tags: [tags["albumartist"]] if tags.get("albumartist") else [],
    "genres": lambda tags: tags.get("genres", []),
    "release": lambda tags: tags.get("mb_album"),
    "recording": lambda tags: tags.get("mb_track"),
    "composer": lambda tags: [tags["composer"]] if tags.get("composer") else [],
    "compilation": lambda tags: bool(tags.get("compilation")),
    "gain": lambda tags: float(tags["rg_tg"].split()[0]) if tags.get("rg_tg") else None,
}
_CHECKS = (
    "missing",
    *_FIELDS,
    "split",
    "merged",
    *library_covers.CHECKS,
    "changed",
    "unchanged",
)


def _tracks() -> dict[str, Row]:
    """Every present track by path, with what the manifest says of it."""
    artists, genres = defaultdict(list), defaultdict(list)
    credits = (
        TrackArtist.select(TrackArtist.track, Artist.name)
        .join(Artist)
        .order_by(TrackArtist.track, TrackArtist.position)
    )
    for track_id, name in tuples(credits):
        artists[track_id].append(name)
    uses = (
        TrackGenre.select(TrackGenre.track, Genre.name)
        .join(Genre)
        .order_by(TrackGenre.track, TrackGenre.position)
    )
    for track_id, name in tuples(uses):
        genres[track_id].append(name)
    return {
        track.path: {
            "id": track.id,
            "guessed": track.guessed or {},
            "album_id": track.album_id,
            "title": track.title,
            "album": track.album_title,
            "track": (track.track, track.track_total),
            "disc": (track.disc, track.disc_total),
            "date": track.date,
            "artists": artists[track.id],
            "albumartist": track.album_artist_names,
            "genres": genres[track.id],
            "release": track.musicbrainz_release_id,
            "recording": track.musicbrainz_recording_id,
            "composer": track.composers,
            "compilation": track.compilation,
            "gain": track.replaygain_track_gain,
        }
        for track in Track.select().where(Track.missing_since.is_null())
    }


def _compare_track(row: Row, known: Row | None, differences: dict[str, list[str]]) -> None:
    if known is None:
        differences["missing"].append(row["path"])
        return
    for field, truth in _FIELDS.items():
        expected = truth(row["tags"])
        if expected in _NOTHING and field in known["guessed"]:
            continue
        if not _is_same(expected, known[field]) and not _is_untellable(row, expected, known[field]):
            differences[field].append(f"{row['path']}: {expected!r}, got {known[field]!r}")


_NOTHING: tuple[Any, ...] = (None, [], (None, None))


def _is_same(expected: Any, got: Any) -> bool:
    """Whether they are equal; names are, however they are spelled: who is one is shown as one."""
    if isinstance(expected, list):
        return [*map(name_key, expected)] == [*map(name_key, got)]
    return bool(expected == got)


def _is_untellable(row: Row, expected: Any, got: Any) -> bool:
    """Whether the file itself does not show which it is.

    ID3v2.3 joins the values of a list with a slash, so a name with one in it reads as two.
    """
    if row.get("id3v") != 3 or not isinstance(expected, list):
        return False
    return any("/" in each for each in expected) and "/".join(expected) == "/".join(got)


def _compare_albums(
    expected: Iterable[Row], known: dict[str, Row], root: str, differences: dict[str, list[str]]
) -> None:
    albums: dict[str, set[int | None]] = defaultdict(set)
    uids: dict[int, set[str]] = defaultdict(set)
    for row in expected:
        track = known.get(to_text(f"{root}/{row['path']}".encode()))
        if track is None or not row["album_uid"] or not row["tags"].get("album"):
            continue
        albums[row["album_uid"]].add(track["album_id"])
        uids[track["album_id"]].add(row["album_uid"])
    differences["split"] += [f"{uid}: {ids}" for uid, ids in albums.items() if len(ids) != 1]
    differences["merged"] += [f"{album}: {each}" for album, each in uids.items() if len(each) > 1]


def _pair(text: str | None) -> tuple[int | None, int | None]:
    number, _, total = (text or "").partition("/")
    return (int(number) if number else None, int(total) if total else None)
