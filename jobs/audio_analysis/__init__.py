"""Audio analysis: tempo, key, loudness and colour of the sound of tracks.

An excerpt from the middle of each file (the setting FLEET_ANALYSIS_SECONDS) is decoded and heard in
a bounded child, which alone imports what is heavy. A file that cannot be heard has its reason in
the ledger and among the problems.
"""

from db import ledger
from db.ledger import Attempt
from db.library import audio_features
from db.models import EntityType, Kind
from db.sql.connection import transaction
from jobs.audio_analysis.outcomes import Analysis, analyse, write
from worker.dispatch import current_attempt, enqueue, job

_TRACKS_AT_ONCE = 10
"""How many are written in one transaction: what is done is kept when the rest is interrupted."""


@job
def analyze_batch(track_ids: list[int]) -> None:
    """Analyse those of these tracks for which the ledger asks it.

    Each is settled within a few of its neighbours. Raises SettingError when FLEET_ANALYSIS_SECONDS
    means nothing.
    """
    attempt = ledger.lease(Kind.ANALYSIS, EntityType.TRACK, track_ids, current_attempt())
    done: list[Analysis] = []
    for analysis in analyse(audio_features.tracks_to_analyse(attempt.leased)):
        done.append(analysis)
        if len(done) == _TRACKS_AT_ONCE:
            _settle(done, attempt)
            done = []
    _settle(done, attempt)
    if attempt.leased:
        enqueue("vectorization.batch", track_ids=attempt.leased)


@job
def analyze_track(track_id: int) -> None:
    """Analyse one track, whether or not it was analysed before."""
    with transaction():
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track_id])
    analyze_batch([track_id])


def _settle(done: list[Analysis], attempt: Attempt) -> None:
    """Write what was found of these tracks, unless it is asked for anew since."""
    with attempt.settling(analysis.track.id for analysis in done) as mine:
        write([analysis for analysis in done if analysis.track.id in mine], attempt)
        ledger.need(Kind.VECTOR, EntityType.TRACK, mine)
