"""What the API answers of the library: albums, artists, tracks, features, covers and facts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from werkzeug.wrappers import Response

from db import ledger
from db.artwork import covers
from db.artwork.image_files import SIZES
from db.enrichment import facts
from db.library import audio_features, entity_pages, gallery, search, second_opinions, tracks
from db.library.artists import Credit
from db.library.entity_pages import AlbumPage, ArtistPage, TrackLine, TrackPage
from db.library.gallery import AlbumCard, AlbumFilter, AlbumOrder, ArtistCard
from db.models import AudioFeatures, EntityType, Role
from db.similarity import clusters
from db.sql.path_text import shown
from web.api import PREFIX, refuse
from web.api.description import (
    AFTER,
    ID,
    LIMIT,
    PAGE,
    Parameter,
    body_of,
    flag,
    operation,
    page_of,
    text,
    whole,
)
from web.api.schemas import FEATURES, LARGEST_ID, items_of, list_of, object_of, pages_of, refer
from web.pages import images
from worker.cli.tempo import change_tempo

Row = dict[str, Any]
_MOST_ALBUMS = 500
"""Of an artist."""
_TYPES = {"albums": EntityType.ALBUM, "artists": EntityType.ARTIST, "tracks": EntityType.TRACK}
_OF_TYPE = Parameter(
    "type", {"type": "string", "enum": sorted(_TYPES)}, "Of what.", is_in_path=True
)


def moment(at: datetime | None) -> str | None:
    """A moment of the tables, which are in UTC."""
    return None if at is None else at.replace(tzinfo=at.tzinfo or UTC).isoformat()


def _credits(artists: Sequence[Credit]) -> list[Row]:
    return [{"artist_id": each.artist_id, "name": each.name} for each in artists]


def _needs(entity_type: EntityType, entity_id: int) -> list[Row]:
    """How the kinds of work on an entity stand."""
    found = []
    for need in ledger.NEEDS:
        if need.entity_type is entity_type:
            state = ledger.need_state(need.kind, entity_type, entity_id)
            if state is not None:
                again = moment(state.look_again_at)
                row = {"kind": need.kind, "state": state.state, "reason": state.reason}
                found.append(row | {"look_again_at": again})
    return found


def _digest(pictures: Mapping[str, Any]) -> str | None:
    front = pictures.get(Role.FRONT)
    return front.digest if front else None


def _album(card: AlbumCard) -> Row:
    return {
        **{"id": card.id, "title": card.title, "album_artist": card.album_artist},
        **{"year": card.year, "artists": _credits(card.artists), "edition": card.edition},
        "picture": card.picture.digest if card.picture else None,
    }


_GENRE = Parameter("genre", whole(1, LARGEST_ID), "Only of the genre of this id.")
_YEAR = Parameter("year", {**text(4), "pattern": "^[0-9]{4}$"}, "Only of this year.")
_ARTIST = Parameter("artist", whole(1, LARGEST_ID), "Only of the artist of this id.")


@operation(
    "GET",
    "/albums",
    pages_of("Album"),
    parameters=(*PAGE, _GENRE, _YEAR, _ARTIST, flag("missing_cover", "Only without a cover.")),
)
def albums(  # noqa: PLR0913, PLR0917  # each is a parameter of the request
    after: int,
    limit: int,
    genre: int | None,
    year: str | None,
    artist: int | None,
    missing_cover: bool,
) -> Row:
    """The albums of which a file is there, by id."""
    wanted = AlbumFilter(missing_cover, "", genre, year or "", artist)
    cards = gallery.album_cards(gallery.album_ids(wanted, after, limit))
    return page_of([_album(each) for each in cards], limit)


@operation("GET", "/albums/{id}", refer("AlbumPage"), parameters=[ID])
def album(id: int) -> Row:  # as the path has it
    """An album with its tracks, and how the work on it stands."""
    page: AlbumPage = entity_pages.album_page(id) or refuse(404, f"There is no album {id}.")
    return {
        **{"id": id, "title": page.title, "album_artist": page.album_artist, "year": page.year},
        **{"artists": _credits(page.artists), "edition": page.edition, "date": page.date},
        **{"picture": _digest(page.pictures), "label": page.label},
        **{"catalogue_number": page.catalogue_number, "compilation": page.compilation},
        **{"musicbrainz_release_id": page.musicbrainz_release_id, "guessed": page.guessed or {}},
        "genres": [each.name for each in page.genres],
        "needs": _needs(EntityType.ALBUM, id),
        "editions": [each._asdict() for each in page.editions],
        "tracks": [_line(each) for each in page.tracks],
    }


def _line(line: TrackLine) -> Row:
    return {
        **{"id": line.id, "title": line.title, "disc": line.disc, "number": line.number},
        **{"disc_subtitle": line.disc_subtitle, "seconds": line.duration},
        **{"artists": _credits(line.artists), "path": shown(line.path)},
        "missing_since": moment(line.missing_since),
    }


def _artist(card: ArtistCard) -> Row:
    return {
        **{"id": card.id, "name": card.name, "disambiguation": card.disambiguation},
        **{"albums": card.albums, "picture": card.picture.digest if card.picture else None},
    }


@operation(
    "GET",
    "/artists",
    pages_of("Artist"),
    parameters=(*PAGE, flag("everyone", "Also those without an album of their own.")),
)
def artists(after: int, limit: int, everyone: bool) -> Row:
    """The artists, by id."""
    ids = gallery.artist_ids(after, limit, everyone=everyone)
    return page_of([_artist(each) for each in gallery.artist_cards(ids)], limit)


@operation("GET", "/artists/{id}", refer("ArtistPage"), parameters=[ID])
def artist(id: int) -> Row:  # as the path has it
    """An artist with albums, by year, and those of others to which the artist added."""
    page: ArtistPage = entity_pages.artist_page(id) or refuse(404, f"There is no artist {id}.")
    own, guest = (
        gallery.album_list(wanted, AlbumOrder.YEAR, 0, _MOST_ALBUMS)
        for wanted in (AlbumFilter(artist_id=id), AlbumFilter(guest_id=id))
    )
    return {
        **{"id": id, "name": page.name, "disambiguation": page.disambiguation},
        **{"sort_name": page.sort_name, "musicbrainz_id": page.musicbrainz_id},
        **{"spellings": page.spellings, "tracks": page.tracks},
        "albums": [_album(each) for each in own],
        "appears_on": [_album(each) for each in guest],
        "needs": _needs(EntityType.ARTIST, id),
    }


def track_rows(track_ids: Sequence[int]) -> list[Row]:
    """These tracks as the API has them in lists, in this order."""
    known = tracks.track_summaries(track_ids, missing=True)
    return [
        {
            **{"id": card.id, "title": card.title, "artists": _credits(card.artists)},
            **{"credit": card.credit, "album_id": card.album_id, "album": card.album_title},
            **{"seconds": card.duration, "path": shown(summary.path), "part": summary.part},
            **{"start": card.start, "bpm": summary.bpm, "key": summary.key},
            **{"camelot": summary.camelot, "picture": card.picture and card.picture.digest},
        }
        for card in search.track_cards(track_ids)
        for summary in [known[card.id]]
    ]


@operation("GET", "/tracks", pages_of("Track"), parameters=PAGE)
def track_list(after: int, limit: int) -> Row:
    """The tracks whose files are there, by id."""
    return page_of(track_rows(tracks.ids_after(after, limit)), limit)


@operation("GET", "/tracks/{id}", refer("TrackPage"), parameters=[ID])
def track(id: int) -> Row:  # as the path has it
    """A track: its file, its tempo and who says so, its clusters, what others say of it."""
    page: TrackPage = entity_pages.track_page(id) or refuse(404, f"There is no track {id}.")
    said = second_opinions.opinions(id)
    belongs = clusters.memberships_of(EntityType.TRACK, [id]).get(id, [])
    return {
        **track_rows([id])[0],
        **{"disc": page.disc, "number": page.number, "year": page.year, "codec": page.codec},
        **{"bit_rate": page.bit_rate, "sample_rate": page.sample_rate},
        **{"bit_depth": page.bit_depth, "bpm_from": page.bpm_from, "own_bpm": page.own_bpm},
        **{"found_bpm": page.found_bpm, "missing_since": moment(page.missing_since)},
        "guessed": page.guessed or {},
        "needs": _needs(EntityType.TRACK, id),
        "opinions": [each._asdict() for each in said],
        "clusters": [
            {"id": each.cluster_id, "probability": each.probability, "is_primary": each.is_primary}
            for each in belongs
        ],
    }


_BPM = {
    "type": ["number", "null"],
    "minimum": audio_features.SLOWEST,
    "maximum": audio_features.FASTEST,
}


@operation(
    "PUT",
    "/tracks/{id}/tempo",
    refer("TrackPage"),
    parameters=[ID],
    body=body_of(["bpm"], bpm=_BPM),
)
def tempo(id: int, bpm: float | None) -> Row:  # as the path has it
    """Correct the tempo of a track, or with null show again what was found."""
    page: TrackPage = entity_pages.track_page(id) or refuse(404, f"There is no track {id}.")
    try:
        change_tempo(id, None if bpm is None else str(bpm), page.bpm)
    except ValueError as error:
        refuse(400, f"{error}.")
    changed: Row = track(id)
    return changed


def _features(row: AudioFeatures) -> Row:
    columns = {name: _plain(getattr(row, name)) for name in FEATURES}
    found = row.found
    return {
        **columns,
        "id": row.track_id,
        "bpm_from": "owner" if found else "sound" if row.bpm is not None else None,
        "found_bpm": found["bpm"] if found else row.bpm,
    }


def _plain(value: Any) -> Any:
    """A value as JSON has one."""
    if isinstance(value, datetime):
        return moment(value)
    return None if isinstance(value, float) and not isfinite(value) else value


@operation("GET", "/features", pages_of("Features"), parameters=PAGE)
def all_features(after: int, limit: int) -> Row:
    """The audio features of all tracks that were analysed, by the id of the track."""
    return page_of([_features(each) for each in audio_features.rows_after(after, limit)], limit)


@operation("GET", "/tracks/{id}/features", refer("Features"), parameters=[ID])
def features(id: int) -> Row:  # as the path has it
    """The audio features of a track."""
    page: TrackPage = entity_pages.track_page(id) or refuse(404, f"There is no track {id}.")
    if page.features is None:
        reason = page.analysis.reason or f"its analysis is {page.analysis.state}"
        refuse(404, f"Track {id} has no audio features: {reason}.")
    return _features(page.features)


@operation(
    "GET",
    "/{type}/{id}/covers",
    refer("Pictures"),
    parameters=[_OF_TYPE, ID],
    tag="Covers",
)
def pictures(type: str, id: int) -> Row:  # as the path has it
    """The pictures that an album, artist or track shows, by role, and where each comes from."""
    entity_type = _existing(type, id)
    found = covers.shown(entity_type, [id]).get(id, {})
    return {
        role: {
            **{"digest": each.digest, "width": each.width, "height": each.height},
            **{"source": each.source, "licence": each.licence, "author": each.author},
            "url": f"{PREFIX}/pictures/{each.digest}/{_SHOWN_SIZE}",
        }
        for role, each in found.items()
    }


@operation(
    "GET",
    "/{type}/{id}/facts",
    items_of("Fact"),
    parameters=[_OF_TYPE, ID],
)
def said(type: str, id: int) -> Row:  # as the path has it
    """What providers on the web say of an album, artist or track, the surest first."""
    entity_type = _existing(type, id)
    found = facts.known_facts(entity_type, id)
    rows = [each._asdict() | {"fetched_at": moment(each.fetched_at)} for each in found]
    return {"items": rows}


_SHOWN_SIZE = 500
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SIZE = {"type": "integer", "enum": list(SIZES)}


@operation(
    "GET",
    "/pictures/{digest}/{size}",
    None,
    parameters=[
        Parameter("digest", _DIGEST, "Of the picture.", is_in_path=True),
        Parameter("size", _SIZE, "Of its longer side, in pixels.", is_in_path=True),
    ],
    tag="Covers",
)
def picture(digest: str, size: int) -> Response:
    """A picture, in one of the sizes that thumbnails have; none is enlarged."""
    return images.thumbnail(digest, size)


def _existing(name: str, entity_id: int) -> EntityType:
    entity_type = _TYPES.get(name) or refuse(404, f"There is nothing at {name}.")
    if not search.entity_exists(entity_type, entity_id):
        refuse(404, f"There is no {entity_type} {entity_id}.")
    return entity_type


_FOUND = object_of(
    artists=list_of(refer("Artist")),
    albums=list_of(refer("Album")),
    tracks=list_of(refer("Track")),
)


@operation(
    "GET",
    "/search",
    _FOUND,
    parameters=[Parameter("query", text(), "Words of names and titles.", is_required=True), LIMIT],
)
def search_all(query: str, limit: int) -> Row:
    """The artists, albums and tracks that have all of these words, the best first."""
    found = search.search(query, limit, limit, limit)
    return {
        "artists": [_artist(each) for each in found.artists],
        "albums": [_album(each) for each in found.albums],
        "tracks": track_rows([each.id for each in found.tracks]),
    }


@operation(
    "GET", "/differences", pages_of("Difference"), parameters=[AFTER, LIMIT], tag="Similarity"
)
def differences(after: int, limit: int) -> Row:
    """Tracks of which their tags, or another analyser, say another tempo or key, by id.

    A page may have a few more than `limit`: of its last track it has all.
    """
    found = second_opinions.differences(after, limit)
    rows = [
        {"id": each.track_id, "title": each.title, "path": shown(each.path)}
        | each.opinion._asdict()
        for each in found
    ]
    return {"items": rows, "next": rows[-1]["id"] if len(rows) >= limit else None}
