"""`fleet ls` and `fleet show`: what is in the library."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from db import ledger
from db.library import entity_pages, gallery, search, statistics, tracks
from db.library.artists import Credit
from db.library.gallery import AlbumFilter, AlbumOrder
from db.models import EntityType
from db.scanning import problems as recorded
from db.sql.connection import open_database
from db.sql.folding import fold
from db.sql.path_text import shown
from db.sql.schema import check_schema
from worker.cli import arguments
from worker.cli.arguments import entity_meant
from worker.cli.output import print_events, print_json, print_table, say
from worker.errors import BadInputError
from worker.phrases import did_you_mean

Command = TypeVar("Command", bound=Callable[..., Any])
Row = dict[str, Any]
_SHOWN = 50
_MOST = 1_000_000


@click.group(name="ls")
def ls() -> None:
    """List albums, artists, tracks or problems, all or those that QUERY fits.

    An album fits by its title and artists, a track by its title, an artist by the name, a problem
    by its path or message; case and accents do not count.
    """


def _as_list(columns: Sequence[str]) -> Callable[[Command], Command]:
    """Give a command the query and the options that every list has."""

    def add(command: Command) -> Command:
        for option in (
            click.option("--json", "as_json", is_flag=True, help="One JSON object."),
            click.option(
                "--columns",
                default=",".join(columns),
                show_default=True,
                help="The columns of the table, with commas; --json has all.",
            ),
            click.option(
                "-n",
                "--limit",
                type=click.IntRange(1, _MOST),
                default=_SHOWN,
                show_default=True,
                help="How many at most.",
            ),
            click.argument("query", required=False, default=""),
        ):
            command = option(command)
        return command

    return add


@ls.command(
    epilog="""\b
Examples:
  fleet ls albums
  fleet ls albums homogenic
  fleet ls albums --missing-cover --order artist
  fleet ls albums --year 1997 --json | jq -r .items[].title
""",
)
@_as_list(["id", "artist", "title", "year", "cover"])
@click.option("--missing-cover", is_flag=True, help="Only albums that show no cover.")
@click.option("--year", default="", help="Only albums of this year.")
@click.option(
    "--order",
    type=click.Choice([each.value for each in AlbumOrder]),
    default=AlbumOrder.ADDED.value,
    show_default=True,
)
def albums(  # noqa: PLR0913, PLR0917  # click passes each option by name
    query: str,
    limit: int,
    columns: str,
    as_json: bool,
    missing_cover: bool,
    year: str,
    order: str,
) -> None:
    """List albums, by default the last added first."""
    _open()
    if query and (missing_cover or year):
        raise click.UsageError("give QUERY, or --missing-cover and --year")
    if query:
        found, count = search.search(query, 0, limit, 0).albums, None
    else:
        wanted = AlbumFilter(missing_art=missing_cover, year=year)
        found = gallery.album_list(wanted, AlbumOrder(order), 0, limit)
        count = gallery.album_count(wanted)
    rows = [
        {
            "id": each.id,
            "artist": each.album_artist,
            "artists": _names(each.artists),
            "title": each.title,
            "year": each.year,
            "edition": each.edition,
            "cover": each.picture.source if each.picture else None,
        }
        for each in found
    ]
    _print("albums", rows, columns, as_json, count)


@ls.command(
    epilog="""\b
Examples:
  fleet ls artists
  fleet ls artists bj
  fleet ls artists --everyone
""",
)
@_as_list(["id", "name", "albums", "picture"])
@click.option("--everyone", is_flag=True, help="Also those who have no album of their own.")
def artists(query: str, limit: int, columns: str, as_json: bool, everyone: bool) -> None:
    """List artists by name."""
    _open()
    if query:
        found, count = search.search(query, limit, 0, 0).artists, None
    else:
        found = gallery.artist_list(everyone=everyone, first=0, most=limit)
        count = gallery.artist_count(everyone=everyone)
    rows = [
        each._asdict() | {"picture": each.picture.source if each.picture else None}
        for each in found
    ]
    _print("artists", rows, columns, as_json, count)


@ls.command(
    name="tracks",
    epilog="""\b
Examples:
  fleet ls tracks joga
  fleet ls tracks --limit 1000 --columns path
""",
)
@_as_list(["id", "artist", "title", "album", "bpm", "key", "path"])
def track_list(query: str, limit: int, columns: str, as_json: bool) -> None:
    """List tracks, by default by path."""
    _open()
    ids = tracks.track_ids(0, limit)
    if query:
        ids = [each.id for each in search.search(query, 0, 0, limit).tracks]
    count = None if query else statistics.library_totals().tracks
    known, by = tracks.track_summaries(ids), tracks.artist_credits(ids)
    rows = [
        known[each]._asdict() | {"artist": by.get(each), "path": shown(known[each].path)}
        for each in ids
        if each in known
    ]
    _print("tracks", rows, columns, as_json, count)


@ls.command(
    epilog="""\b
Examples:
  fleet ls problems
  fleet ls problems Incoming
""",
)
@_as_list(["path", "stage", "code", "message"])
def problems(query: str, limit: int, columns: str, as_json: bool) -> None:
    """List the files that could not be used; `fleet problems` sums up those of one cause."""
    _open()
    wanted = fold(query) or ""
    fits = [
        each
        for each in recorded.listed()
        if wanted in (fold(shown(each.path)) or "") or wanted in (fold(each.message) or "")
    ]
    rows = [
        {
            "path": shown(each.path),
            "stage": each.stage,
            "code": each.code,
            "message": each.message,
            "first_seen": str(each.first_seen),
            "last_seen": str(each.last_seen),
        }
        for each in fits[:limit]
    ]
    _print("problems", rows, columns, as_json, len(fits))


def _print(what: str, rows: Sequence[Row], columns: str, as_json: bool, count: int | None) -> None:
    """Print a list; `count` is how many there are in all, where that is known."""
    if as_json:
        print_json({"items": rows, "count": count})
        return
    if not rows:
        say(f"No {what}.")
        return
    names = [each.strip() for each in columns.split(",") if each.strip()]
    for name in names:
        if name not in rows[0]:
            raise BadInputError(
                f"{what} have no column {name!r} — {did_you_mean(name, list(rows[0]))}"
            )
    print_table([names, *([_cell(row[name]) for name in names] for row in rows)])
    if count is not None and count > len(rows):
        say(f"{len(rows):,} of {count:,} {what}; --limit shows more.")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _names(credits_: Iterable[Credit]) -> list[str]:
    return [each.name for each in credits_]


@click.command(
    epilog="""\b
Examples:
  fleet show Homogenic
  fleet show "Björk - Jóga"
  fleet show artist:12 --json
  fleet show album:7 --life    all that happened to it, by time
""",
)
@click.argument("entity", shell_complete=arguments.entities)
@click.option("--life", is_flag=True, help="Everything that happened to it, by time.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(entity: str, life: bool, as_json: bool) -> None:
    """Show what is known of an album, artist or track, and what it still needs.

    ENTITY is a name, "ARTIST - TITLE", a path, or album:ID, artist:ID, track:ID. Where an album
    and a track have one name, the album is shown.
    """
    _open()
    kind, row_id = entity_meant(entity)
    if life:
        from worker.status.life import life as life_of  # noqa: PLC0415  # this option alone

        events = life_of(kind, row_id)
        if as_json:
            print_json({"type": kind, "id": row_id, "events": [each.as_json() for each in events]})
        else:
            print_events(events)
        return
    row = {EntityType.ALBUM: _album, EntityType.ARTIST: _artist}.get(kind, _track)(row_id)
    needs = [
        {"work": need.kind, "state": state.state, "reason": state.reason}
        for need in ledger.NEEDS
        if need.entity_type is kind
        and (state := ledger.need_state(need.kind, kind, row_id)) is not None
    ]
    if as_json:
        print_json({"type": kind, "id": row_id, **row, "needs": needs})
        return
    listed = {name: value for name, value in row.items() if not _is_table(value)}
    print_table([[f"{kind}:{row_id}", ""], *([n, _cell(v)] for n, v in listed.items() if v)])
    for value in filter(_is_table, row.values()):
        print_table([list(value[0]), *(list(map(_cell, each.values())) for each in value)])
    print_table([["work", "state", "reason"], *(list(map(_cell, n.values())) for n in needs)])


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _album(row_id: int) -> Row:
    page = entity_pages.album_page(row_id)
    if page is None:
        raise BadInputError(f"there is no album:{row_id} — `fleet ls albums` lists them")
    return {
        "title": page.title,
        "artist": page.album_artist,
        "artists": _names(page.artists),
        "date": page.date,
        "year": page.year,
        "label": page.label,
        "catalogue_number": page.catalogue_number,
        "compilation": page.compilation,
        "edition": page.edition,
        "editions": [each._asdict() for each in page.editions],
        "musicbrainz_release_id": page.musicbrainz_release_id,
        "genres": [each.name for each in page.genres],
        "covers": {role: each.source for role, each in page.pictures.items()},
        "tracks": [
            {
                "id": each.id,
                "disc": each.disc,
                "track": each.number,
                "title": each.title,
                "artists": _names(each.artists),
                "seconds": each.duration,
                "start": each.start,
                "path": shown(each.path),
            }
            for each in page.tracks
        ],
    }


def _artist(row_id: int) -> Row:
    page = entity_pages.artist_page(row_id)
    if page is None:
        raise BadInputError(f"there is no artist:{row_id} — `fleet ls artists` lists them")
    own = gallery.album_list(AlbumFilter(artist_id=row_id), AlbumOrder.YEAR, 0, _MOST)
    return {
        "name": page.name,
        "musicbrainz_id": page.musicbrainz_id,
        "track_count": page.tracks,
        "covers": {role: each.source for role, each in page.pictures.items()},
        "albums": [{"id": each.id, "year": each.year, "title": each.title} for each in own],
    }


def _track(row_id: int) -> Row:
    page = entity_pages.track_page(row_id)
    if page is None:
        raise BadInputError(f"there is no track:{row_id} — `fleet ls tracks` lists them")
    features = page.features
    return {
        "title": page.title,
        "artists": _names(page.artists),
        "album": page.album_title,
        "album_id": page.album_id,
        "year": page.year,
        "disc": page.disc,
        "track": page.number,
        "seconds": page.duration,
        "codec": page.codec,
        "bit_rate": page.bit_rate,
        "sample_rate": page.sample_rate,
        "bit_depth": page.bit_depth,
        "bpm": page.bpm if features or page.own_bpm else page.tag_bpm,
        "bpm_from": page.bpm_from or ("tags" if page.tag_bpm and not features else None),
        "found_bpm": page.found_bpm,
        "tag_bpm": page.tag_bpm,
        "key": features.camelot if features else None,
        "tag_key": page.tag_key,
        "path": shown(page.path),
        "part": page.part,
        "start": page.start,
        "missing_since": str(page.missing_since) if page.missing_since else None,
    }


def _open() -> None:
    open_database()
    check_schema()
