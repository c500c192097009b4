"""A fleet that has done every job: its heavy programs are light, and its clusters known."""

import json
from pathlib import Path

import pytest

from tests.mission.standing_fleet import ARTISTS, SONGS, StandingFleet
from worker.errors import ExitCode

HEAVY: dict[str, tuple[str, dict[str, object]]] = {
    "analysis-1": ("audio_analysis.analyze_batch", {"track_ids": [1]}),
    "vectors-1": ("vectorization.train", {}),
    "covers-1": ("covers.extract_embedded", {"track_ids": [1]}),
    "maintenance-1": ("maintenance.validate_system_integrity", {}),
}
"""A job of each program whose jobs are heavy: most of them run on demand, and may have ended."""


@pytest.mark.parametrize("slot", HEAVY)
def test_a_worker_whose_jobs_are_heavy_stays_under_60_mib(fleet: StandingFleet, slot: str) -> None:
    name, arguments = HEAVY[slot]
    fleet.run(name, arguments)
    lock = fleet.command.data_dir / "run" / "slots" / f"{slot}.lock"
    status = Path(f"/proc/{lock.read_text().split()[0]}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < 60 * 1024


def test_the_clusters_are_listed_and_exported(fleet: StandingFleet, tmp_path: Path) -> None:
    listed = json.loads(fleet.command("cluster", "list", "tracks", "--json").stdout)["clusters"]
    assert sum(each["size"] for each in listed) >= ARTISTS * SONGS
    assert fleet.command("cluster", "export", str(tmp_path)).returncode == ExitCode.OK
    exported = {line for file in tmp_path.glob("*.m3u8") for line in file.read_text().splitlines()}
    assert {str(each) for each in fleet.music.rglob("Artist */Album/*.flac")} <= exported
