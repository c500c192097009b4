"""What MusicBrainz answers, as records. What has no id, or is of a wrong type, is left out.

The shapes are those of its JSON (musicbrainz.org/doc/MusicBrainz_API#JSON), shared by lookups and
searches; a search says less of each.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jobs.providers.provider import entries, mbid

_MS = 1000


class Credit(NamedTuple):
    """An artist who is credited."""

    name: str
    """As credited here."""
    id: str
    own_name: str
    join: str
    """What stands between this name and the next: " & "."""


class Group(NamedTuple):
    """A release group: what people call an album."""

    id: str
    title: str
    type: str | None
    """Album, Single, EP …, and what else it is: "Album, Live"."""
    date: str | None
    """When its first release came out: YYYY, YYYY-MM or YYYY-MM-DD."""
    genres: list[str]
    links: dict[str, list[str]]


class ReleaseTrack(NamedTuple):
    """A track of a release."""

    id: str
    disc: int
    position: int
    title: str
    seconds: float | None
    recording: "Recording"


class Candidate(NamedTuple):
    """A release as a list has it, without its tracks."""

    id: str
    title: str
    credits: list[Credit]
    group: Group
    tracks: int
    date: str | None
    catalogue_numbers: list[str]
    is_official: bool


class Release(NamedTuple):
    """A release with its tracks."""

    id: str
    title: str
    credits: list[Credit]
    group: Group
    tracks: list[ReleaseTrack]
    date: str | None
    country: str | None
    barcode: str | None
    labels: list[tuple[str | None, str | None]]
    """Each label with the catalogue number."""
    genres: list[str]
    links: dict[str, list[str]]


class Recording(NamedTuple):
    """A recording."""

    id: str
    title: str
    credits: list[Credit]
    seconds: float | None
    date: str | None
    isrcs: list[str]
    genres: list[str]
    links: dict[str, list[str]]
    on: list[Candidate]
    """Releases that it is on."""


class Artist(NamedTuple):
    """An artist."""

    id: str
    name: str
    type: str | None
    disambiguation: str | None
    begin: str | None
    end: str | None
    ended: bool
    country: str | None
    area: str | None
    aliases: list[str]
    genres: list[str]
    links: dict[str, list[str]]


def candidates(found: Iterable[Any]) -> list[Candidate]:
    """The releases of a list."""
    return [
        Candidate(
            id=mbid(_text(each, "id")) or "",
            title=_text(each, "title") or "",
            credits=_credits(each),
            group=group,
            tracks=_track_count(each),
            date=_text(each, "date"),
            catalogue_numbers=[number for _, number in _labels(each) if number],
            is_official=each.get("status", "Official") == "Official",
        )
        for each in _objects(found)
        for group in _group(each)
    ]


def releases(found: Iterable[Any]) -> list[Release]:
    """The releases of lookups."""
    return [
        Release(
            id=mbid(_text(each, "id")) or "",
            title=_text(each, "title") or "",
            credits=_credits(each),
            group=group,
            tracks=_tracks(each),
            date=_text(each, "date"),
            country=_text(each, "country"),
            barcode=_text(each, "barcode"),
            labels=_labels(each),
            genres=_genres(each),
            links=_links(each),
        )
        for each in _objects(found)
        for group in _group(each)
    ]


def recordings(found: Iterable[Any]) -> list[Recording]:
    """The recordings of a list or of lookups."""
    return [
        Recording(
            id=mbid(_text(each, "id")) or "",
            title=_text(each, "title") or "",
            credits=_credits(each),
            seconds=_seconds(each),
            date=_text(each, "first-release-date"),
            isrcs=[isrc for isrc in each.get("isrcs") or [] if isinstance(isrc, str)],
            genres=_genres(each),
            links=_links(each),
            on=candidates(entries(each, "releases")),
        )
        for each in _objects(found)
    ]


def artists(found: Iterable[Any]) -> list[Artist]:
    """The artists of a list or of lookups."""
    return [
        Artist(
            id=mbid(_text(each, "id")) or "",
            name=_text(each, "name") or "",
            type=_text(each, "type"),
            disambiguation=_text(each, "disambiguation"),
            begin=_text(_object(each, "life-span"), "begin"),
            end=_text(_object(each, "life-span"), "end"),
            ended=_object(each, "life-span").get("ended") is True,
            country=_text(each, "country"),
            area=_text(_object(each, "area"), "name"),
            aliases=_aliases(each),
            genres=_genres(each),
            links=_links(each),
        )
        for each in _objects(found)
    ]


def credited(credits: Iterable[Credit]) -> str:
    """Who is credited, as people read it."""
    return "".join(f"{each.name}{each.join}" for each in credits).strip()


def _objects(found: Iterable[Any]) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict) and mbid(_text(each, "id"))]


def _group(release: Mapping[str, Any]) -> list[Group]:
    """The release group; a list of one or none."""
    group = _object(release, "release-group")
    group_id = mbid(_text(group, "id"))
    if group_id is None:
        return []
    kinds = [_text(group, "primary-type"), *(group.get("secondary-types") or [])]
    return [
        Group(
            group_id,
            _text(group, "title") or "",
            ", ".join(kind for kind in kinds if isinstance(kind, str)) or None,
            _text(group, "first-release-date"),
            _genres(group),
            _links(group),
        )
    ]


def _tracks(release: Mapping[str, Any]) -> list[ReleaseTrack]:
    found = []
    for number, medium in enumerate(entries(release, "media"), 1):
        disc = _whole(medium.get("position"), number)
        for place, track in enumerate(entries(medium, "tracks"), 1):
            (recording,) = recordings([track.get("recording")]) or (None,)
            if recording is None:
                continue
            found.append(
                ReleaseTrack(
                    mbid(_text(track, "id")) or "",
                    disc,
                    _whole(track.get("position"), place),
                    _text(track, "title") or recording.title,
                    _seconds(track) or recording.seconds,
                    recording._replace(credits=_credits(track) or recording.credits),
                )
            )
    return found


def _track_count(release: Mapping[str, Any]) -> int:
    total = release.get("track-count")
    if isinstance(total, int):
        return total
    counts = (medium.get("track-count") for medium in entries(release, "media"))
    return sum(count for count in counts if isinstance(count, int))


def _credits(entity: Mapping[str, Any]) -> list[Credit]:
    found = []
    for each in entries(entity, "artist-credit"):
        artist = _object(each, "artist")
        artist_id, name = mbid(_text(artist, "id")), _text(artist, "name")
        if artist_id and (shown := _text(each, "name") or name):
            found.append(Credit(shown, artist_id, name or shown, str(each.get("joinphrase") or "")))
    return found


def _labels(release: Mapping[str, Any]) -> list[tuple[str | None, str | None]]:
    return [
        (_text(_object(each, "label"), "name"), _text(each, "catalog-number"))
        for each in entries(release, "label-info")
    ]


def _genres(entity: Mapping[str, Any]) -> list[str]:
    """The genres, those with the most votes first."""
    found = sorted(entries(entity, "genres"), key=lambda each: -_number(each.get("count")))
    return [name for each in found if (name := _text(each, "name"))]


def _links(entity: Mapping[str, Any]) -> dict[str, list[str]]:
    """The URLs that an entity is related to, by type of relation, without those that ended."""
    urls: dict[str, list[str]] = {}
    for relation in entries(entity, "relations"):
        resource = _text(_object(relation, "url"), "resource")
        if resource and resource.startswith("http") and relation.get("ended") is not True:
            urls.setdefault(str(relation.get("type")), []).append(resource)
    return urls


def _aliases(artist: Mapping[str, Any]) -> list[str]:
    names = (_text(each, "name") for each in entries(artist, "aliases"))
    return list(dict.fromkeys(name for name in names if name))


def _seconds(entity: Mapping[str, Any]) -> float | None:
    length = entity.get("length")
    return length / _MS if isinstance(length, int | float) and length > 0 else None


def _object(entity: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = entity.get(key)
    return value if isinstance(value, dict) else {}


def _text(entity: Mapping[str, Any], key: str) -> str | None:
    value = entity.get(key)
    return value if isinstance(value, str) and value else None


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0
