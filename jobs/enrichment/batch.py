"""Enriching some albums, tracks or artists: each is settled as soon as it is done.

What came of one is written together with how its need ended.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db import enrichment, ledger
from db.enrichment import facts, tagged_entities
from db.enrichment.facts import CREDITS, IDENTITY, MATCH, FactSource, FactValue
from db.enrichment.tagged_entities import TaggedAlbum, TaggedArtist, TaggedTrack
from db.ledger import Attempt, Obstacle, Settled
from db.models import EntityType, Kind, State, utc_now
from db.settings import provider_settings
from jobs.enrichment import album_identity, artist_identity, track_identity
from jobs.enrichment.album_identity import MatchedRelease
from jobs.enrichment.similarity import CERTAIN, Identity, Pair, Unknown
from jobs.providers.answers import asked_since
from jobs.providers.errors import FileAwayError, ProviderError, UnavailableError
from jobs.providers.musicbrainz_answers import Artist, Credit, Recording
from jobs.providers.provider import KnownArtist, mbid
from jobs.providers.registry import FactSources, opened_for_facts
from jobs.providers.wikidata import ENTITY, matches
from worker.dispatch import connection, current_attempt

MUSICBRAINZ = "musicbrainz"
_NOBODY = "musicbrainz is not turned on (FLEET_PROVIDERS), and the tags have no id"


@dataclass
class Outcome:
    """What came of one entity."""

    entity_type: EntityType
    entity_id: int
    facts: list[tuple[FactSource, list[FactValue]]] = field(default_factory=list)
    """What each source says; one that says nothing has an empty list."""
    asked: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Why it is not known who or what is meant."""
    faults: list[str] = field(default_factory=list)
    """Who could not be asked, so that the need stays open."""
    held_up: Obstacle | None = None
    """What kept its file from being read, so that the need waits for that."""
    tracks: Sequence[int] = ()
    """Of an album: all its tracks."""
    track_facts: dict[int, list[FactValue]] = field(default_factory=dict)
    """Of an album: the facts of those of its tracks that are on the release."""

    @property
    def is_known(self) -> bool:
        """Whether any source has facts on it."""
        return any(said for _, said in self.facts)

    def settled(self) -> Settled:
        """How the need ended."""
        if self.is_known:
            return Settled(self.entity_id, State.DONE, None, self.asked)
        reason = "; ".join(self.reasons) or _NOBODY
        return Settled(self.entity_id, State.NONE, reason, self.asked)

    def said(
        self, source: str, score: float, facts: list[FactValue], fetched_at: datetime | None = None
    ) -> None:
        """Note what a source says; one that says nothing needs no time."""
        self.facts.append((FactSource(source, fetched_at or utc_now(), score), facts))

    def unknown(self, found: Unknown) -> None:
        """Note that MusicBrainz knows nothing, or not which."""
        self.reasons += found.reasons
        self.said(MUSICBRAINZ, 0.0, [])


def write(outcome: Outcome, attempt: Attempt) -> None:
    """Write what was found, unless the need was reset in between, and how the need ended."""
    entity_type, entity_id = outcome.entity_type, outcome.entity_id
    with attempt.settling([entity_id]) as mine:
        if not mine:
            return
        for source, said in outcome.facts:
            facts.replace_facts(entity_type, entity_id, source, said)
        if outcome.held_up is not None:
            reason = "; ".join(outcome.faults)
            held_up = Settled.held_up(entity_id, outcome.held_up, reason, outcome.asked)
            attempt.settle([held_up])
        if outcome.faults:
            return
        attempt.settle([outcome.settled()])
        if entity_type is EntityType.ALBUM:
            _write_tracks(outcome, attempt.holder)
        if entity_type is not EntityType.ARTIST:
            _ask_for_artists(outcome)


def _write_tracks(outcome: Outcome, holder: str) -> None:
    """Settle the tracks that the release has; the others are searched for by themselves."""
    ledger.need(Kind.ENRICHMENT, EntityType.TRACK, outcome.tracks)
    known = sorted(outcome.track_facts)
    attempt = ledger.lease(Kind.ENRICHMENT, EntityType.TRACK, known, holder)
    for source, _ in outcome.facts:
        for track_id in known:
            facts.replace_facts(EntityType.TRACK, track_id, source, outcome.track_facts[track_id])
    attempt.settle(Settled(track_id, State.DONE, None, outcome.asked) for track_id in known)


def _ask_for_artists(outcome: Outcome) -> None:
    """Ask for artists after their album or track, which may say who they are."""
    albums = [outcome.entity_id] if outcome.entity_type is EntityType.ALBUM else []
    tracks = outcome.tracks if outcome.entity_type is EntityType.ALBUM else [outcome.entity_id]
    artists = sorted(tagged_entities.artists_of_tagged(albums, tracks))
    need = ledger.need_for(Kind.ENRICHMENT, EntityType.ARTIST)
    wanted = set(ledger.without_row(need, artists))
    if outcome.is_known:
        wanted |= enrichment.unidentified(artists)
    ledger.need(Kind.ENRICHMENT, EntityType.ARTIST, wanted)


def note_album(outcome: Outcome, found: Identity[MatchedRelease]) -> None:
    """Note what a release says of an album and of its tracks."""
    outcome.said(MUSICBRAINZ, found.score, of_album(found), found.fetched_at)
    for pair in found.meant.pairs:
        why = [f"title {pair.title:.2f}", *_length(pair)]
        on_it = found._replace(by=f"album by {found.by}", why=why)
        outcome.track_facts[pair.tagged.id] = of_track(pair.track.recording, on_it)


def _length(pair: Pair) -> list[str]:
    return [] if pair.length is None else [f"length {pair.length:.2f}"]


_NOT_ON = Unknown(["musicbrainz is not turned on (FLEET_PROVIDERS)"])


def enrich(entity_type: EntityType, entity_ids: Sequence[int], since: float | None = None) -> None:
    """Enrich those of these entities that are to be done; none while no provider is turned on.

    `since` is for `answers.asked_since`. Raises SettingError, and UnavailableError at the end when
    some have to wait for a provider.
    """
    if not provider_settings.any_with_facts():
        return
    attempt = ledger.lease(Kind.ENRICHMENT, entity_type, entity_ids, current_attempt())
    faults: dict[int, str] = {}
    with asked_since(since), opened_for_facts(connection()) as sources:
        for entity_id in attempt.leased:
            outcome = Outcome(entity_type, entity_id)
            for entity in tagged_entities.tagged(entity_type, [entity_id]):
                _enrich_one(outcome, entity, sources)
            write(outcome, attempt)
            if outcome.faults and outcome.held_up is None:
                faults[entity_id] = "; ".join(outcome.faults)
    facts.drop_overdue_answers()
    if faults:
        raise UnavailableError(
            f"{len(faults)} of {len(attempt.leased)} {entity_type}s wait for providers that are "
            f"unavailable, {entity_type} {min(faults)} for: {faults[min(faults)]}"
        )


def _enrich_one(outcome: Outcome, entity: Any, sources: FactSources) -> None:
    """Fetch the facts on one entity; an unavailable provider is a fault of its outcome."""
    try:
        _ENRICH[outcome.entity_type](outcome, entity, sources)
    except FileAwayError as error:
        outcome.faults.append(str(error))
        outcome.held_up = error.obstacle
    except ProviderError as error:
        outcome.faults.append(str(error))


def _album(outcome: Outcome, album: TaggedAlbum, sources: FactSources) -> None:
    outcome.tracks = [track.id for track in album.tracks]
    if sources.musicbrainz is None:
        outcome.unknown(_NOT_ON)
        return
    found = album_identity.identify(album, sources.musicbrainz)
    outcome.asked.append(MUSICBRAINZ)
    if isinstance(found, Unknown):
        outcome.unknown(found)
        return
    note_album(outcome, found)


def _track(outcome: Outcome, track: TaggedTrack, sources: FactSources) -> None:
    if sources.musicbrainz is None:
        outcome.unknown(_NOT_ON)
        return
    found = track_identity.identify(track, sources.musicbrainz, sources.acoustid)
    outcome.asked.append(MUSICBRAINZ)
    if sources.acoustid is not None:
        outcome.asked.append(sources.acoustid.name)
    if isinstance(found, Unknown):
        outcome.unknown(found)
        return
    said = of_track(found.meant, found)
    outcome.said(MUSICBRAINZ, found.score, said, found.fetched_at)


def _artist(outcome: Outcome, artist: TaggedArtist, sources: FactSources) -> None:
    known, score = _known_artist(outcome, artist, sources)
    if known is None:
        for other in sources.others:
            outcome.said(other.name, 0.0, [])
        return
    for provider in sources.others:
        try:
            said = provider.about_artist(known)
        except ProviderError as error:
            outcome.faults.append(str(error))
            continue
        if said is not None:
            outcome.asked.append(provider.name)
            outcome.said(provider.name, score, said.facts, said.fetched_at)


def _known_artist(
    outcome: Outcome, artist: TaggedArtist, sources: FactSources
) -> tuple[KnownArtist | None, float]:
    """Who is meant, by MusicBrainz or else by the id in the tags alone, and how sure that is."""
    if sources.musicbrainz is None:
        artist_id = mbid(artist.musicbrainz_id)
        outcome.reasons += _NOT_ON.reasons
        return (KnownArtist(artist_id, artist.name, None), CERTAIN) if artist_id else (None, 0.0)
    found = artist_identity.identify(artist, sources.musicbrainz)
    outcome.asked.append(MUSICBRAINZ)
    if not isinstance(found, Identity):
        outcome.unknown(found)
        return None, 0.0
    meant = found.meant
    outcome.said(MUSICBRAINZ, found.score, of_artist(found), found.fetched_at)
    entity = next(iter(matches(ENTITY, meant.links.get("wikidata", ()))), None)
    return KnownArtist(meant.id, meant.name, entity), found.score


_ENRICH: dict[EntityType, Callable[[Outcome, Any, FactSources], None]] = {
    EntityType.ALBUM: _album,
    EntityType.TRACK: _track,
    EntityType.ARTIST: _artist,
}


CORE, SUPPLEMENTARY = "CC0 1.0", "CC BY-NC-SA 3.0"
_SITE = "https://musicbrainz.org"
_MOST_LINKS, _MOST_ALIASES, _MOST_GENRES = 40, 40, 15


def of_album(found: Identity[MatchedRelease]) -> list[FactValue]:
    """The facts of an album; those of one edition only when it is known to be that one."""
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
    return [*_facts(values, url), *_genres(group.genres or release.genres, url), _match(found, url)]


def of_track(recording: Recording, found: Identity[Any]) -> list[FactValue]:
    """The facts of a recording, found by itself or on a release."""
    url = f"{_SITE}/recording/{recording.id}"
    values: dict[str, Any] = {
        IDENTITY[EntityType.TRACK]: recording.id,
        "first_release_date": recording.date,
        "isrcs": recording.isrcs,
        CREDITS: _credits(recording.credits),
        "links": _links(recording.links),
    }
    return [*_facts(values, url), *_genres(recording.genres, url), _match(found, url)]


def of_artist(found: Identity[Artist]) -> list[FactValue]:
    """The facts of an artist."""
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
    return [*_facts(values, url), *_genres(artist.genres, url), _match(found, url)]


def _facts(values: dict[str, Any], url: str) -> list[FactValue]:
    known = {field: value for field, value in values.items() if value}
    return [FactValue(field, value, url, CORE) for field, value in known.items()]


def _genres(genres: Sequence[str], url: str) -> list[FactValue]:
    return [FactValue("genres", list(genres)[:_MOST_GENRES], url, SUPPLEMENTARY)] if genres else []


def _match(found: Identity[Any], url: str) -> FactValue:
    return FactValue(MATCH, {"by": found.by, "why": list(found.why)}, url)


def _credits(credits: Iterable[Credit]) -> list[dict[str, str]]:
    return [{"name": each.name, "id": each.id} for each in credits]


def _links(links: dict[str, list[str]]) -> list[dict[str, str]]:
    """Each URL with the type of its relation, such as "official homepage" or "wikidata"."""
    pairs = [(kind, url) for kind, urls in sorted(links.items()) for url in urls]
    return [{"type": kind, "url": url} for kind, url in dict.fromkeys(pairs)][:_MOST_LINKS]
