"""The fleet analyses what a scan took in, without anybody waiting for it."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import soundfile

from demo import sounds
from tests.fleet.conftest import FleetCommand

PATIENCE = 180.0
"""Where nothing is compiled yet, librosa is first."""


def of_analysis(fleet: FleetCommand) -> dict[str, Any]:
    """The row of `fleet status` for it."""
    status = json.loads(fleet("status", "--json").stdout)
    return next(row for row in status["work"] if row["kind"] == "analysis")


def test_a_scanned_library_is_analysed_by_a_program_that_stays_light(
    fleet: FleetCommand, tmp_path: Path
) -> None:
    del fleet.environment["FLEET_ANALYSIS_SECONDS"]
    music = tmp_path / "music"
    music.mkdir()
    for bpm in (100, 130):
        soundfile.write(music / f"{bpm}.flac", sounds.clicks(bpm, 15), sounds.RATE)
    assert fleet("scan", str(music)).returncode == 0
    deadline = time.monotonic() + PATIENCE
    while of_analysis(fleet)["to_do"]:
        assert time.monotonic() < deadline, of_analysis(fleet)
        time.sleep(0.2)
    assert of_analysis(fleet)["done"] == 2
    with sqlite3.connect(fleet.data_dir / "library.db") as database:
        tempos = database.execute("SELECT ROUND(bpm) FROM audio_features ORDER BY bpm").fetchall()
    assert tempos == [(100,), (130,)]
    lock = fleet.data_dir / "run" / "slots" / "analysis-1.lock"
    status = Path(f"/proc/{lock.read_text().strip()}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < 60 * 1024
