"""What came of one album, track or artist, and writing it together with how the need ended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from db import enrichment, facts, ledger
from db.facts import Source, Told
from db.ledger import Attempt, Settled
from db.models import EntityType, Kind, State, utc_now
from jobs.enrichment import told
from jobs.enrichment.album_identity import MeantRelease
from jobs.enrichment.identity import Identity, Unknown
from jobs.enrichment.tracklists import Pair

MUSICBRAINZ = "musicbrainz"
_NOBODY = "musicbrainz is not turned on (FLEET_PROVIDERS), and the tags have no id"


@dataclass
class Outcome:
    """What came of one entity."""

    entity_type: EntityType
    entity_id: int
    facts: list[tuple[Source, list[Told]]] = field(default_factory=list)
    """What each source says; one that says nothing has an empty list."""
    asked: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Why it is not known who or what is meant."""
    faults: list[str] = field(default_factory=list)
    """Who could not be asked, so that the need stays open."""
    tracks: Sequence[int] = ()
    """Of an album: all its tracks."""
    track_facts: dict[int, list[Told]] = field(default_factory=dict)
    """Of an album: what is said of those of its tracks that are on the release."""

    @property
    def is_known(self) -> bool:
        """Whether somebody says something of it."""
        return any(said for _, said in self.facts)

    def settled(self) -> Settled:
        """How the need ended."""
        if self.is_known:
            return Settled(self.entity_id, State.DONE, None, self.asked)
        reason = "; ".join(self.reasons) or _NOBODY
        return Settled(self.entity_id, State.NONE, reason, self.asked)

    def said(
        self, source: str, score: float, facts: list[Told], fetched_at: datetime | None = None
    ) -> None:
        """Note what a source says; one that says nothing needs no time."""
        self.facts.append((Source(source, fetched_at or utc_now(), score), facts))

    def unknown(self, found: Unknown) -> None:
        """Note that MusicBrainz knows nothing, or not which."""
        self.reasons += found.reasons
        self.said(MUSICBRAINZ, 0.0, [])


def write(outcome: Outcome, attempt: Attempt) -> None:
    """Write what was found, unless the need came anew in between, and how the need ended."""
    entity_type, entity_id = outcome.entity_type, outcome.entity_id
    with attempt.settling([entity_id]) as mine:
        if not mine:
            return
        for source, said in outcome.facts:
            facts.replace(entity_type, entity_id, source, said)
        if outcome.faults:
            return
        attempt.settle([outcome.settled()])
        if entity_type is EntityType.ALBUM:
            _write_tracks(outcome, attempt.holder)
        if entity_type is not EntityType.ARTIST:
            _ask_for_artists(outcome)


def _write_tracks(outcome: Outcome, holder: str) -> None:
    """Settle the tracks that the release told of; the others are to be looked for by themselves."""
    ledger.need(Kind.ENRICHMENT, EntityType.TRACK, outcome.tracks)
    known = sorted(outcome.track_facts)
    attempt = ledger.lease(Kind.ENRICHMENT, EntityType.TRACK, known, holder)
    for source, _ in outcome.facts:
        for track_id in known:
            facts.replace(EntityType.TRACK, track_id, source, outcome.track_facts[track_id])
    attempt.settle(Settled(track_id, State.DONE, None, outcome.asked) for track_id in known)


def _ask_for_artists(outcome: Outcome) -> None:
    """Ask for artists after their album or track, which may say who they are."""
    albums = [outcome.entity_id] if outcome.entity_type is EntityType.ALBUM else []
    tracks = outcome.tracks if outcome.entity_type is EntityType.ALBUM else [outcome.entity_id]
    artists = sorted(enrichment.artists_of(albums, tracks))
    need = ledger.need_for(Kind.ENRICHMENT, EntityType.ARTIST)
    wanted = set(ledger.without_row(need, artists))
    if outcome.is_known:
        wanted |= enrichment.unidentified(artists)
    ledger.need(Kind.ENRICHMENT, EntityType.ARTIST, wanted)


def note_album(outcome: Outcome, found: Identity[MeantRelease]) -> None:
    """Note what a release says of an album and of its tracks."""
    outcome.said(MUSICBRAINZ, found.score, told.of_album(found), found.fetched_at)
    for pair in found.meant.pairs:
        why = [f"title {pair.title:.2f}", *_length(pair)]
        on_it = found._replace(by=f"album by {found.by}", why=why)
        outcome.track_facts[pair.tagged.id] = told.of_track(pair.track.recording, on_it)


def _length(pair: Pair) -> list[str]:
    return [] if pair.length is None else [f"length {pair.length:.2f}"]
