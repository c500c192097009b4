"""Enriching some albums, tracks or artists: each is settled as soon as it is done."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from db import enrichment, ledger, provider_answers, provider_settings
from db.enrichment import TaggedAlbum, TaggedArtist, TaggedTrack
from db.models import EntityType, Kind
from jobs.enrichment import album_identity, artist_identity, told, track_identity
from jobs.enrichment.identity import CERTAIN, Identity, Unknown
from jobs.enrichment.outcomes import MUSICBRAINZ, Outcome, note_album, write
from jobs.providers.errors import ProviderError, UnavailableError
from jobs.providers.provider import KnownArtist, mbid
from jobs.providers.registry import FactSources, opened_for_facts
from jobs.providers.wikidata import ENTITY, matches
from worker.dispatch import connection, current_attempt

_NOT_ON = Unknown(["musicbrainz is not turned on (FLEET_PROVIDERS)"])


def enrich(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Enrich those of these entities that are to be done; nobody while no provider is turned on.

    Raises SettingError, and UnavailableError at the end when some have to wait for a provider.
    """
    if not provider_settings.any_with_facts():
        return
    attempt = ledger.lease(Kind.ENRICHMENT, entity_type, entity_ids, current_attempt())
    faults: dict[int, str] = {}
    with opened_for_facts(connection()) as sources:
        for entity_id in attempt.leased:
            outcome = Outcome(entity_type, entity_id)
            for entity in _READ[entity_type]([entity_id]):
                _look(outcome, entity, sources)
            write(outcome, attempt)
            if outcome.faults:
                faults[entity_id] = "; ".join(outcome.faults)
    provider_answers.drop_overdue()
    if faults:
        raise UnavailableError(
            f"{len(faults)} of {len(attempt.leased)} {entity_type}s wait for providers that are "
            f"unavailable, {entity_type} {min(faults)} for: {faults[min(faults)]}"
        )


def _look(outcome: Outcome, entity: Any, sources: FactSources) -> None:
    """Find out what is said of one entity; who cannot be asked is a fault of its outcome."""
    try:
        _ENRICH[outcome.entity_type](outcome, entity, sources)
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
    said = told.of_track(found.meant, found)
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
    outcome.said(MUSICBRAINZ, found.score, told.of_artist(found), found.fetched_at)
    entity = next(iter(matches(ENTITY, meant.links.get("wikidata", ()))), None)
    return KnownArtist(meant.id, meant.name, entity), found.score


_READ: dict[EntityType, Callable[[Sequence[int]], Iterable[Any]]] = {
    EntityType.ALBUM: enrichment.albums,
    EntityType.TRACK: enrichment.tracks,
    EntityType.ARTIST: enrichment.artists,
}
_ENRICH: dict[EntityType, Callable[[Outcome, Any, FactSources], None]] = {
    EntityType.ALBUM: _album,
    EntityType.TRACK: _track,
    EntityType.ARTIST: _artist,
}
