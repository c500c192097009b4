"""A scan asks for the analysis of what it took in, and of what has another content since."""

import os
from pathlib import Path

from db.models import AudioFeatures, Kind, LedgerRow, State, Track
from tests.music import write_track
from tests.pipeline.conftest import Scan


def moments() -> dict[str, object]:
    """When each track was analysed, by the name of its file."""
    query = AudioFeatures.select(AudioFeatures, Track).join(Track)
    return {Path(row.track.path).name: row.analysed_at for row in query}


def test_every_track_of_a_scan_is_analysed(scan_and_analyse: Scan, library: Path) -> None:
    for name in ("a.mp3", "b.flac", "c.opus"):
        write_track(library / name, title=name)
    scan_and_analyse()
    assert set(moments()) == {"a.mp3", "b.flac", "c.opus"}
    rows = LedgerRow.select().where(LedgerRow.kind == Kind.ANALYSIS)
    assert [row.state for row in rows] == [State.DONE] * 3


def test_just_what_has_another_content_is_analysed_again(
    scan_and_analyse: Scan, library: Path
) -> None:
    for name in ("changed.mp3", "moved.mp3", "touched.mp3"):
        write_track(library / name, title=name, pitch=400 + len(name))
    scan_and_analyse()
    before = moments()
    write_track(library / "changed.mp3", title="another", pitch=500)
    (library / "moved.mp3").rename(library / "moved there.mp3")
    os.utime(library / "touched.mp3", (1, 1))
    scan_and_analyse()
    after = moments()
    assert after["changed.mp3"] != before["changed.mp3"]
    assert after["moved there.mp3"] == before["moved.mp3"]
    assert after["touched.mp3"] == before["touched.mp3"]
