"""Audio analysis: tempo, key, loudness and colour of the sound of tracks.

An excerpt from the middle of each file (the setting FLEET_ANALYSIS_SECONDS) is decoded and heard in
a bounded child, which alone imports what is heavy. A file that cannot be heard has its reason in
the ledger and among the problems.
"""

from db import audio_features, ledger
from db.connection import transaction
from db.models import EntityType, Kind
from jobs.audio_analysis.outcomes import Analysis, analyse, write
from worker.dispatch import current_attempt, enqueue, job

LEASE_SECONDS = 3600
"""Longer than a job of the queue may take."""
_TRACKS_AT_ONCE = 10
"""How many are written in one transaction: what is done is kept when the rest is interrupted."""


@job
def analyze_batch(track_ids: list[int]) -> None:
    """Analyse those of these tracks for which the ledger asks it.

    Each is settled within a few of its neighbours. Raises SettingError when FLEET_ANALYSIS_SECONDS
    means nothing.
    """
    holder = current_attempt()
    with transaction():
        leased = ledger.lease(Kind.ANALYSIS, EntityType.TRACK, track_ids, holder, LEASE_SECONDS)
    done: list[Analysis] = []
    for analysis in analyse(audio_features.tracks(leased)):
        done.append(analysis)
        if len(done) == _TRACKS_AT_ONCE:
            _settle(done, holder)
            done = []
    _settle(done, holder)
    if leased:
        enqueue("vectorization.batch", track_ids=leased)


@job
def analyze_track(track_id: int) -> None:
    """Analyse one track, whether or not it was analysed before."""
    with transaction():
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track_id])
    analyze_batch([track_id])


def _settle(done: list[Analysis], holder: str) -> None:
    """Write what was found of these tracks, unless it is asked for anew since."""
    ids = [analysis.track.id for analysis in done]
    with transaction():
        mine = ledger.still_leased(Kind.ANALYSIS, EntityType.TRACK, ids, holder)
        write([analysis for analysis in done if analysis.track.id in mine], holder)
        ledger.need(Kind.VECTOR, EntityType.TRACK, mine)
