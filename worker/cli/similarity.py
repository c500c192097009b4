"""`fleet similar`, `fleet path` and `fleet cluster`: similar tracks, and groups of them."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from db import settings
from db.library import tracks
from db.library.artists import known_artists
from db.library.tracks import TrackSummary
from db.models import EntityType
from db.similarity import cluster_terms, clusters, neighbours, playlist_files
from db.similarity.clusters import ClusterInUse, ClusterState
from db.similarity.neighbours import Filters, Neighbour
from db.sql.connection import open_database
from db.sql.path_text import shown
from db.sql.schema import check_schema
from worker.cli import arguments
from worker.cli.arguments import track_named
from worker.cli.output import print_json, print_line, print_table, print_tracks, say
from worker.errors import BadInputError
from worker.phrases import counted, graded, nearest

Command = TypeVar("Command", bound=Callable[..., Any])
_SHOWN = 20
"""Lines of a list that may be long."""
_MOST = 10_000
_HEADING = ("similarity", "artist", "title", "album", "bpm", "key", "path", "in words")


def _as(command: Command) -> Command:
    """Give a command the options that say how its tracks are written."""
    for option in (
        click.option("--m3u", "form", flag_value="m3u", help="As a playlist, M3U8."),
        click.option("--json", "form", flag_value="json", help="One JSON object."),
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  fleet similar "Björk - Jóga"
  fleet similar ~/Music/joga.flac --count 50 --not-same-album --m3u > joga.m3u8
  fleet similar track:12 --bpm 6 --key compatible
""",
)
@click.argument("track", shell_complete=arguments.tracks)
@click.option("-c", "--count", type=click.IntRange(1, _MOST), default=10, show_default=True)
@click.option(
    "--bpm",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Only tempos within PERCENT of its own, or of half or double of it.",
)
@click.option(
    "--key",
    type=click.Choice(["compatible"]),
    callback=lambda _context, _option, value: value is not None,
    help="Only keys that mix: the same Camelot code, one hour off, or the other letter.",
)
@click.option("--not-same-album", "other_album", is_flag=True, help="No track of the same album.")
@_as
def similar(track: str, count: int, form: str | None, **filters: Any) -> None:
    """List the nearest neighbours of TRACK, the most similar first.

    TRACK is a path, an id, a title, "ARTIST - TITLE", words of a title, or a file's name. The
    similarity is that of the audio features and the tags. Missing files are left out.
    """
    _open()
    wanted = track_named(track)
    found = neighbours.similar(wanted.id, count, Filters(**filters))
    if not found:
        say(f"No track matches these filters for {wanted.full_name}.")
    _write(found, form)


@click.command(
    epilog="""\b
Examples:
  fleet path "Jóga" "Hyperballad"
  fleet path track:12 track:90 --count 20 --m3u > evening.m3u8
""",
)
@click.argument("first", shell_complete=arguments.tracks)
@click.argument("last", shell_complete=arguments.tracks)
@click.option(
    "-c",
    "--count",
    type=click.IntRange(2, _MOST),
    default=10,
    show_default=True,
    help="Tracks, these two included.",
)
@_as
def path(first: str, last: str, count: int, form: str | None) -> None:
    """List a playlist from FIRST to LAST in which each track is similar to the one before.

    FIRST and LAST are named as for `fleet similar`. The similarity is to the track before.
    """
    _open()
    _write(neighbours.path(track_named(first).id, track_named(last).id, count), form)


def _open() -> None:
    open_database()
    check_schema()


def _write(found: Sequence[Neighbour], form: str | None) -> None:
    ids = [each.track_id for each in found]
    known = tracks.track_summaries(ids, missing=True)
    by = tracks.artist_credits(ids)
    rows = [(each, known[each.track_id], by.get(each.track_id, "")) for each in found]
    if form == "json":
        print_json({"tracks": [_as_json(*row) for row in rows]})
    elif form == "m3u":
        print_tracks(cluster_terms.listed_tracks(EntityType.TRACK, ids))
    elif rows:
        cells = [_cells(*row) for row in rows]
        print_table([_HEADING, *cells])


def _as_json(neighbour: Neighbour, track: TrackSummary, artists: str) -> dict[str, object]:
    said = {"artists": artists, "similarity": round(neighbour.similarity, 4)}
    return track._asdict() | said


def _cells(neighbour: Neighbour, track: TrackSummary, artists: str) -> list[str]:
    return [
        f"{neighbour.similarity:.3f}",
        artists,
        tracks.full_title(track, None),
        track.album or "",
        f"{track.bpm:.0f}" if track.bpm else "",
        f"{track.camelot} {track.key}" if track.camelot else "",
        shown(track.path),
        graded(neighbour.similarity, "similarity"),
    ]


_KINDS = {"tracks": EntityType.TRACK, "artists": EntityType.ARTIST}


@click.group(name="cluster")
def cluster() -> None:
    """List clusters of similar tracks or artists, show their members, or export playlists."""


@cluster.command(
    "list",
    epilog="""\b
Examples:
  fleet cluster list
  fleet cluster list artists --json
""",
)
@click.argument("what", type=click.Choice(list(_KINDS)), required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the state of the model.")
def list_clusters(what: str | None, as_json: bool) -> None:
    """List the clusters, the largest first, and the state of their model."""
    open_database()
    check_schema()
    kinds = [_KINDS[what]] if what else list(clusters.TYPES)
    states = [clusters.cluster_state(kind) for kind in kinds]
    found = [each for kind in kinds for each in clusters.clusters(kind)]
    if as_json:
        rows_by_type = {str(each.entity_type): _state_as_json(each) for each in states}
        rows = [{**each._asdict(), "made_at": each.made_at.isoformat()} for each in found]
        print_json({"standing": rows_by_type, "clusters": rows})
        return
    if found:
        lines = [[str(each.id), each.entity_type, str(each.size), each.name] for each in found]
        print_table([["id", "of", "size", "name"], *lines])
    for each in states:
        if each.remark:
            say(f"Clusters of {each.entity_type}s: {each.remark}.")


@cluster.command(
    epilog="""\b
Examples:
  fleet cluster show 7
  fleet cluster show "Jazz, calm" --m3u > calm-jazz.m3u8
"""
)
@click.argument("name", metavar="ID|NAME")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--m3u", is_flag=True, help="As a playlist.")
def show(name: str, as_json: bool, m3u: bool) -> None:
    """List the members of a cluster, the most typical first."""
    if as_json and m3u:
        raise click.UsageError("--json and --m3u are two forms: give one of them")
    open_database()
    check_schema()
    found = _found(name)
    kind, members = EntityType(found.entity_type), clusters.members(found)
    ids = [each.entity_id for each in members]
    if m3u:
        print_tracks(cluster_terms.listed_tracks(kind, ids))
        return
    names = _names(kind, ids)
    rows = [each for each in members if each.entity_id in names]
    if as_json:
        listed = [
            {"id": each.entity_id, "name": names[each.entity_id], "probability": each.probability}
            for each in rows
        ]
        print_json({"id": found.id, "name": found.name, "members": listed})
        return
    lines = [
        [str(each.entity_id), f"{each.probability:.2f}", names[each.entity_id]] for each in rows
    ]
    print_table([["id", "belongs", found.name], *lines])


@cluster.command(
    epilog="""\b
Examples:
  fleet cluster export ~/Music/Playlists
"""
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def export(folder: Path) -> None:
    """Write a playlist for each cluster of tracks into FOLDER, in place of those of last time.

    A file that `fleet` did not write is left alone.
    """
    open_database()
    check_schema()
    folder.mkdir(parents=True, exist_ok=True)
    written: set[Path] = set()
    for each in clusters.clusters(EntityType.TRACK):
        ids = [member.entity_id for member in clusters.members(each)]
        file = folder / playlist_files.file_name(each.name)
        if file in written:
            file = folder / playlist_files.file_name(f"{each.name[:60]} ({each.id})")
        listed = cluster_terms.listed_tracks(EntityType.TRACK, ids)
        if _write_playlist(file, playlist_files.playlist(listed)):
            written.add(file)
            if remark := playlist_files.remark(listed):
                say(f"{file.name}: {remark}")
        else:
            say(f"{file} is not of musicfleet and was left alone — move it away")
    for file in folder.glob("*.m3u8"):
        if file not in written and _is_ours(file):
            file.unlink()
    print_line(f"{counted(len(written), 'playlist is', 'playlists are')} in {folder}.")


def _is_ours(file: Path) -> bool:
    """Whether it is a plain file that `_write` wrote."""
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(playlist_files.MARK)) == playlist_files.MARK


def _write_playlist(file: Path, text: bytes) -> bool:
    """Write it whole or not at all; False when a file that is not ours is in the way."""
    if os.path.lexists(file) and not _is_ours(file):
        return False
    handle, name = tempfile.mkstemp(prefix=".musicfleet-", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(text)
        settings.set_mode(Path(name), 0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink()
        raise
    return True


def _state_as_json(state: ClusterState) -> dict[str, object]:
    model = state.model
    return {
        "vectors": state.vectors,
        "enough": clusters.ENOUGH[state.entity_type],
        "method": model.method if model else None,
        "remark": state.remark,
    }


def _found(name: str) -> ClusterInUse:
    known = [each for kind in clusters.TYPES for each in clusters.clusters(kind)]
    found = [each for each in known if str(each.id) == name]
    found = found or [each for each in known if each.name.casefold() == name.casefold()]
    if not found:
        near = nearest(name, {each.name for each in known})
        asked = f"did you mean {near}?" if near else "`fleet cluster list` names them"
        raise BadInputError(f"there is no cluster {name!r} — {asked}")
    if len(found) > 1:
        ids = ", ".join(f"{each.id} (of {each.entity_type}s)" for each in found)
        raise BadInputError(f"{name!r} is the name of {len(found)} clusters — say which: {ids}")
    return found[0]


def _names(kind: EntityType, ids: list[int]) -> dict[int, str]:
    if kind is EntityType.ARTIST:
        return {each.id: each.name for each in known_artists(ids)}
    return {
        each.id: " - ".join(filter(None, (each.artist, each.title))) or each.path
        for each in cluster_terms.listed_tracks(kind, ids)
    }
