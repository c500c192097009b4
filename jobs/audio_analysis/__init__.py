"""Audio analysis: tempo, key, loudness and timbre of tracks.

A bounded child decodes and analyses an excerpt from the middle of each file (the setting
FLEET_ANALYSIS_SECONDS); it alone imports the heavy libraries. For a file that it cannot analyse the
reason is in the ledger and among the problems.
"""

from db import ledger
from db.ledger import Attempt
from db.library import audio_features
from db.models import EntityType, Kind
from db.sql.connection import transaction
from jobs.audio_analysis.outcomes import Analysis, analyse, write
from jobs.entities import check_exists
from worker.dispatch import current_attempt, enqueue_need, job

_TRACKS_AT_ONCE = 10
"""Tracks that one transaction writes: an interrupted job keeps the others."""


@job
def analyze_batch(track_ids: list[int]) -> None:
    """Analyse those of these tracks whose analysis is to do in the ledger.

    The job writes its results in groups of some tracks. Raises SettingError when
    FLEET_ANALYSIS_SECONDS means nothing.
    """
    attempt = ledger.lease(Kind.ANALYSIS, EntityType.TRACK, track_ids, current_attempt())
    done: list[Analysis] = []
    for analysis in analyse(audio_features.tracks_to_analyse(attempt.leased)):
        done.append(analysis)
        if len(done) == _TRACKS_AT_ONCE:
            _settle(done, attempt)
            done = []
    _settle(done, attempt)
    vector = ledger.need_for(Kind.VECTOR, EntityType.TRACK)
    enqueue_need(vector, ledger.todo_among(vector, attempt.leased))


@job
def analyze_track(track_id: int) -> None:
    """Analyse one track, even if it was analysed before. Raises NoSuchEntityError."""
    check_exists(EntityType.TRACK, track_id)
    with transaction():
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track_id])
    analyze_batch([track_id])


def _settle(done: list[Analysis], attempt: Attempt) -> None:
    """Write the results of these tracks, unless their rows were reset since."""
    with attempt.settling(analysis.track.id for analysis in done) as mine:
        write([analysis for analysis in done if analysis.track.id in mine], attempt)
        waiting = {each.track.id for each in done if each.is_waiting}
        ledger.need(Kind.VECTOR, EntityType.TRACK, mine - waiting)
