"""`fleet tempo` and `fleet differences`: correcting a tempo, and what others say of tracks."""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import click
import redis

from db import ledger
from db.library import audio_features, entity_pages, second_opinions
from db.library.entity_pages import TrackPage
from db.library.second_opinions import Difference
from db.models import EntityType, Kind
from db.sql.connection import open_database
from db.sql.path_text import shown
from db.sql.schema import check_schema
from worker import dispatch
from worker.cli import arguments
from worker.cli.arguments import track_named
from worker.cli.output import print_json, print_table, say
from worker.errors import BadInputError, WorkerError

TAP = "tap"


def change_tempo(track_id: int, text: str | None, present: float | None) -> bool:
    """Have a track's tempo be what the owner writes, None for what was found again.

    Whatever is computed from it is enqueued; without Redis the reconciliation does that later. How
    it may be written says `audio_features.tempo_meant`, which raises ValueError for all else.
    Returns whether that changed anything.
    """
    bpm = None if text is None else audio_features.tempo_meant(text, present)
    if not audio_features.correct_tempo(track_id, bpm):
        return False
    vector = ledger.need_for(Kind.VECTOR, EntityType.TRACK)
    with suppress(redis.RedisError, WorkerError):
        dispatch.enqueue_need(vector, ledger.todo_among(vector, [track_id]))
    return True


@click.command(
    epilog="""\b
Examples:
  fleet tempo "Björk - Jóga"
  fleet tempo track:12 x2            twice what it is
  fleet tempo track:12 /2            half
  fleet tempo track:12 87.5          beats a minute
  fleet tempo track:12 tap           press Enter at each beat, at last Ctrl-D
  fleet tempo track:12 --withdraw    what was found is shown again
""",
)
@click.argument("track", shell_complete=arguments.tracks)
@click.argument("bpm", metavar="[x2|/2|BPM|tap]", required=False)
@click.option("--withdraw", is_flag=True, help="Withdraw the correction.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def tempo(track: str, bpm: str | None, withdraw: bool, as_json: bool) -> None:
    """Show the tempo of TRACK and what others say of it, or correct it.

    TRACK is named as for `fleet similar`. A corrected tempo stays, whatever a later analysis finds;
    similar tracks and clusters go by it. `fleet differences` lists the tracks of which the tags
    say something else.
    """
    if withdraw and bpm is not None:
        raise click.UsageError("--withdraw takes no BPM")
    open_database()
    check_schema()
    track_id = track_named(track).id
    if withdraw or bpm is not None:
        text = _tapped() if bpm == TAP else bpm
        try:
            is_new = change_tempo(track_id, text, _page(track_id).bpm)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        if not is_new:
            say("It was so before." if bpm else "There was no correction.")
    _print(_page(track_id), as_json)


def _page(track_id: int) -> TrackPage:
    page = entity_pages.track_page(track_id)
    if page is None:  # it was named a moment ago
        raise BadInputError(f"there is no track:{track_id} — `fleet ls tracks` lists them")
    return page


def _tapped() -> str:
    """The tempo of the lines that come in, in beats a minute."""
    if sys.stdin.isatty():
        say("Press Enter at each beat, at least four times, and Ctrl-D at the end.")
    moments = []
    for _ in sys.stdin:
        moments.append(time.monotonic())
        if (bpm := audio_features.tempo_of_taps(moments)) and sys.stdin.isatty():
            say(f"{bpm:g}")
    bpm = audio_features.tempo_of_taps(moments)
    if bpm is None:
        raise BadInputError(
            f"{len(moments)} taps make no tempo — press Enter at four beats or more"
        )
    return str(bpm)


def _print(page: TrackPage, as_json: bool) -> None:
    said = second_opinions.opinions(page.id)
    if as_json:
        print_json(
            {
                "id": page.id,
                "bpm": page.bpm,
                "bpm_from": page.bpm_from,
                "found_bpm": page.found_bpm,
                "own_bpm": page.own_bpm,
                "opinions": [each._asdict() for each in said],
            }
        )
        return
    rows: list[tuple[Any, ...]] = [("beats a minute", "by", "")]
    if page.own_bpm is not None:
        rows.append((f"{page.own_bpm:g}", "its owner", "corrected"))
    if page.found_bpm is not None:
        rows.append((f"{page.found_bpm:.1f}", "its sound", ""))
    tempos = [each for each in said if each.field == second_opinions.TEMPO]
    rows += [(f"{each.value:g}", each.source, each.difference) for each in tempos]
    if len(rows) > 1:
        print_table(rows)
    else:
        say("Nothing is known of its tempo.")


_SHOWN = 50
_MOST = 1_000_000
_AT_ONCE = 500
"""Differences that are looked for at once."""


@click.command(
    epilog="""\b
Examples:
  fleet differences
  fleet differences double
  fleet differences --json | jq -r '.items[] | select(.field == "key") | .path'
""",
)
@click.argument("query", required=False, default="")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, _MOST),
    default=_SHOWN,
    show_default=True,
    help="How many at most.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def differences(query: str, limit: int, as_json: bool) -> None:
    """List tracks of which others say another tempo or key: their tags, or another analyser.

    QUERY is a word of the difference (tempo, key, double, half, relative …), or the source of the
    opinion. Tempos within 4 % are the same, and so are keys that are written in two ways. `fleet
    tempo` corrects a tempo.
    """
    open_database()
    check_schema()
    found = list(islice(_differences(query.casefold()), limit))
    if as_json:
        print_json({"items": [_as_json(each) for each in found]})
    elif not found:
        say("No differences.")
    else:
        rows = [["track", "title", "field", "ours", "theirs", "by", "difference", "path"]]
        print_table(rows + [[_cell(each) for each in _as_json(row).values()] for row in found])


def _differences(wanted: str) -> Iterator[Difference]:
    after = 0
    while found := second_opinions.differences(after, _AT_ONCE):
        after = found[-1].track_id
        for each in found:
            opinion = each.opinion
            if wanted in {"", opinion.field, opinion.source} or wanted in opinion.difference:
                yield each


def _as_json(each: Difference) -> dict[str, Any]:
    opinion = each.opinion
    return {
        "id": each.track_id,
        "title": each.title,
        "field": opinion.field,
        "ours": opinion.ours,
        "theirs": opinion.value,
        "by": opinion.source,
        "difference": opinion.difference,
        "path": shown(each.path),
    }


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
