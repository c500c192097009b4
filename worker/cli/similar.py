"""`fleet similar` and `fleet path`: nearest neighbours of a track, and paths between two."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from db.library import tracks
from db.library.tracks import TrackSummary
from db.models import EntityType
from db.similarity import cluster_terms, neighbours
from db.similarity.neighbours import Filters, Neighbour
from db.sql.connection import open_database
from db.sql.path_text import shown
from db.sql.schema import check_schema
from worker.cli import completion
from worker.cli.named import track_named
from worker.cli.output import print_json, print_table, print_tracks, say
from worker.phrases import graded

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
@click.argument("track", shell_complete=completion.tracks)
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
@click.argument("first", shell_complete=completion.tracks)
@click.argument("last", shell_complete=completion.tracks)
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
