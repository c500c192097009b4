"""The fleet clusters what has vectors, by a program that stays light, into playlists."""

import json
import time
from pathlib import Path

from db.models import EntityType
from db.sql.connection import close_database, open_database
from db.sql.schema import migrate
from tests.clusters.groups import add_tracks, hear, new_model
from tests.fleet.conftest import FleetCommand

PATIENCE = 60.0


def test_a_library_with_vectors_is_clustered_and_exported(
    fleet: FleetCommand, tmp_path: Path
) -> None:
    open_database(f"sqlite:///{fleet.data_dir}/library.db")
    migrate()
    add_tracks(60)
    hear(EntityType.TRACK, new_model(), 1, 60)
    close_database()
    assert fleet("up").returncode == 0
    assert fleet("enqueue", "gmm.refresh_stale_clusters").returncode == 0
    deadline = time.monotonic() + PATIENCE
    while not (told := json.loads(fleet("cluster", "list", "--json").stdout))["clusters"]:
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    assert [each["size"] for each in told["clusters"]] == [12] * 5
    assert fleet("cluster", "export", str(tmp_path)).returncode == 0
    listed = "".join(each.read_text() for each in tmp_path.glob("*.m3u8"))
    assert all(f"\n/music/{each}.mp3\n" in listed for each in range(1, 61))
    lock = fleet.data_dir / "run" / "slots" / "vectors-1.lock"
    status = Path(f"/proc/{lock.read_text().strip()}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < 60 * 1024
