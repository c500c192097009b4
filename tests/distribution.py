"""How tests are spread over processes: what shares something dear stays in one of them.

A file's tests stay together, as `--dist loadfile` has it, and so do those of a folder that has one
fleet, and all that need librosa, which takes seconds to import. What takes longest begins first.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

_TOGETHER = {
    "tests/chaos/test_flushed.py": "chaos",
    "tests/chaos/test_kills.py": "chaos",
    "tests/chaos/test_scan_command.py": "chaos",
    "tests/chaos/test_seen_by_rq.py": "chaos",
    "tests/chaos/test_stopping.py": "chaos",
    "tests/web/": "web",
    "tests/mission/": "mission",
    "tests/audio_analysis/": "sound",
    "tests/vectorization/": "sound",
    "tests/pipeline/test_analysis.py": "sound",
    "tests/pipeline/test_query_plans.py": "sound",
    "tests/test_modules.py": "sound",
}
"""The group of tests whose ids begin so."""
_FIRST = (
    "chaos",
    "sound",
    "web",
    "mission",
    "tests/pipeline/test_surroundings.py",
    "tests/supervisor/test_on_demand.py",
    "tests/supervisor/test_upgrading.py",
    "tests/pipeline/test_rescan.py",
    "tests/supervisor/test_fleet_process.py",
    "tests/fleet/test_scan_command.py",
    "tests/test_hosts.py",
    "tests/pipeline/test_insertion.py",
    "tests/pipeline/test_names.py",
    "tests/supervisor/test_changing.py",
    "tests/rebalancing/test_rebalancing.py",
    "tests/chaos/test_redis_away.py",
    "tests/pipeline/test_artist_images.py",
    "tests/test_bounded.py",
    "tests/doctor/test_pictures.py",
    "tests/maintenance/test_database_upkeep.py",
    "tests/doctor/test_database.py",
    "tests/watching/test_watched_fleet.py",
    "tests/chaos/test_poison.py",
    "tests/pipeline/test_albums.py",
    "tests/fleet/test_cover_command.py",
    "tests/covers/test_album_covers.py",
    "tests/covers/test_artist_images.py",
    "tests/deploy/test_systemd.py",
    "tests/deploy/test_running.py",
    "tests/test_worker_process.py",
    "tests/pipeline/test_moved_roots.py",
    "tests/pipeline/test_large_records.py",
    "tests/pipeline/test_ended_between_commits.py",
    "tests/enrichment/test_ended_between_commits.py",
    "tests/monitoring/test_model_health.py",
    "tests/docs/test_commands.py",
    "tests/chaos/test_limits.py",
    "tests/bench/test_scan_cost.py",
    "tests/queues/test_tampered_entries.py",
    "tests/covers/test_picture_bombs.py",
    "tests/schedules/test_clock.py",
)
"""The groups that take longest, in this order."""


class LoadTogether(LoadScopeScheduling):
    """Hands out groups in place of files."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def make_scheduler(config: pytest.Config, log: object) -> LoadTogether | None:
    """What spreads the tests with `--dist loadfile`."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # which would begin with the most tests
    return LoadTogether(config, log)


def place(item: pytest.Item) -> int:
    """Where a test's group comes."""
    group = _group(item.nodeid)
    return _FIRST.index(group) if group in _FIRST else len(_FIRST)


def _group(nodeid: str) -> str:
    for start, group in _TOGETHER.items():
        if nodeid.startswith(start):
            return group
    return nodeid.partition("::")[0]
