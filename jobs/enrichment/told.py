"""What MusicBrainz says of albums, tracks and artists, as facts.

Its core data are in the public domain, CC0; genres come under CC BY-NC-SA 3.0 (musicbrainz.org/doc/
About/Data_License). What is not known is no fact.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from db.facts import CREDITS, IDENTITY, MATCH, Told
from db.models import EntityType
from jobs.enrichment.album_identity import MeantRelease
from jobs.enrichment.identity import Identity
from jobs.providers.musicbrainz_answers import Artist, Credit, Recording

CORE, SUPPLEMENTARY = "CC0 1.0", "CC BY-NC-SA 3.0"
_SITE = "https://musicbrainz.org"
_MOST_LINKS, _MOST_ALIASES, _MOST_GENRES = 40, 40, 15


def of_album(found: Identity[MeantRelease]) -> list[Told]:
    """What is said of an album; what only one edition has when it is known to be that one."""
    release, group = found.meant.release, found.meant.release.group
    values: dict[str, Any] = {
        IDENTITY[EntityType.ALBUM]: group.id,
        "type": group.type,
        "original_date": group.date,
        CREDITS: _credits(release.credits),
        "links": _links(group.links if not found.meant.is_edition else group.links | release.links),
    }
    if found.meant.is_edition:
        labels = list(dict.fromkeys(label for label, _ in release.labels if label))
        numbers = list(dict.fromkeys(number for _, number in release.labels if number))
        values |= {
            "release_id": release.id,
            "date": release.date,
            "country": release.country,
            "label": "; ".join(labels),
            "catalogue_number": "; ".join(numbers),
            "barcode": release.barcode,
            "track_count": len(release.tracks),
        }
    url = f"{_SITE}/release-group/{group.id}"
    return [*_told(values, url), *_genres(group.genres or release.genres, url), _match(found, url)]


def of_track(recording: Recording, found: Identity[Any]) -> list[Told]:
    """What is said of a recording, found by itself or on a release."""
    url = f"{_SITE}/recording/{recording.id}"
    values: dict[str, Any] = {
        IDENTITY[EntityType.TRACK]: recording.id,
        "first_release_date": recording.date,
        "isrcs": recording.isrcs,
        CREDITS: _credits(recording.credits),
        "links": _links(recording.links),
    }
    return [*_told(values, url), *_genres(recording.genres, url), _match(found, url)]


def of_artist(found: Identity[Artist]) -> list[Told]:
    """What is said of an artist."""
    artist = found.meant
    url = f"{_SITE}/artist/{artist.id}"
    values: dict[str, Any] = {
        IDENTITY[EntityType.ARTIST]: artist.id,
        "type": artist.type,
        "disambiguation": artist.disambiguation,
        "begin": artist.begin,
        "end": artist.end,
        "country": artist.country,
        "area": artist.area,
        "aliases": artist.aliases[:_MOST_ALIASES],
        "links": _links(artist.links),
    }
    return [*_told(values, url), *_genres(artist.genres, url), _match(found, url)]


def _told(values: dict[str, Any], url: str) -> list[Told]:
    known = {field: value for field, value in values.items() if value}
    return [Told(field, value, url, CORE) for field, value in known.items()]


def _genres(genres: Sequence[str], url: str) -> list[Told]:
    return [Told("genres", list(genres)[:_MOST_GENRES], url, SUPPLEMENTARY)] if genres else []


def _match(found: Identity[Any], url: str) -> Told:
    return Told(MATCH, {"by": found.by, "why": list(found.why)}, url)


def _credits(credits: Iterable[Credit]) -> list[dict[str, str]]:
    return [{"name": each.name, "id": each.id} for each in credits]


def _links(links: dict[str, list[str]]) -> list[dict[str, str]]:
    """Each URL with the type of its relation, such as "official homepage" or "wikidata"."""
    pairs = [(kind, url) for kind, urls in sorted(links.items()) for url in urls]
    return [{"type": kind, "url": url} for kind, url in dict.fromkeys(pairs)][:_MOST_LINKS]
