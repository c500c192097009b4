"""A house of its own for a fleet: the packages as they are, other jobs, another queues.toml."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis

from worker.topology import Program, load

REPOSITORY = Path(__file__).parents[2]
STAGES = {"metadata": "metadata", "covers": "covers", "analysis": "audio_analysis"}
"""The stage of each program that may be rebalanced; `bench/rebalance/jobs` has its jobs."""

_QUEUE = """
[queues.{stage}]
use = "{stage}, simulated"
jobs = ["{stage}.*"]
timeout = "10m"
retries = 3
keep = "1s"

[programs.{program}]
queues = ["{stage}"]
processes = {processes}
"""
_CLOCK = """
[schedules.rebalance_queues]
job = "maintenance.rebalance_queues"
cron = "* * * * *"
"""
_FILL = """
import sys
from worker import dispatch
for number in range(int(sys.argv[2])):
    dispatch.enqueue(sys.argv[1] + ".sleep", seconds=float(sys.argv[3]))
"""


class House:
    """A fleet that is up, with as many processes as the repository's queues.toml says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        own = {name: text for name, text in os.environ.items() if not name.startswith("FLEET_")}
        self.database = f"sqlite:///{folder}/data/library.db"
        self._environment = own | {"FLEET_DATA_DIR": str(folder / "data"), "FLEET_WEB": "off"}
        self.redis = redis.Redis.from_url(f"unix://{folder}/data/run/redis.sock")

    def fleet(self, *arguments: str) -> str:
        """Run `fleet` to its end; what it writes. Raises CalledProcessError."""
        return self._python("-m", "worker.cli", *arguments)

    def fill(self, stage: str, jobs: int, seconds: float) -> None:
        """Enqueue so many jobs of a stage, each of so many seconds."""
        self._python("-c", _FILL, stage, str(jobs), str(seconds))

    def left(self) -> int:
        """How many simulated jobs have not ended."""
        with self.redis.pipeline() as pipeline:
            for stage in STAGES.values():
                pipeline.llen(f"rq:queue:{stage}")
                pipeline.zcard(f"rq:wip:{stage}")
            return sum(pipeline.execute())

    def counts(self) -> dict[str, int]:
        """How many processes each program has."""
        rows = [line.split("\t") for line in self.fleet("scale").splitlines()[1:]]
        return {row[0]: int(row[1]) for row in rows}

    def _python(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=self._environment,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout


@contextmanager
def new_house(*, rebalanced: bool) -> Iterator[House]:
    """A fleet in a folder of its own, up until it is left; rebalanced, or with fixed programs."""
    folder = Path(tempfile.mkdtemp(prefix="mf-rebalance", dir="/tmp"))  # sockets: 107 bytes
    for package in ("db", "worker", "web"):
        (folder / package).symlink_to(REPOSITORY / package)
    shutil.copytree(Path(__file__).with_name("jobs"), folder / "jobs")
    (folder / "queues.toml").write_text(_queues_toml(rebalanced=rebalanced))
    house = House(folder)
    house.fleet("up")
    try:
        yield house
    finally:
        house.redis.close()
        house.fleet("down")
        shutil.rmtree(folder, ignore_errors=True)


def at_rest() -> Mapping[str, Program]:
    """The programs of the repository's queues.toml."""
    return load(REPOSITORY / "queues.toml").programs


def _queues_toml(*, rebalanced: bool) -> str:
    text = _QUEUE.format(stage="maintenance", program="maintenance", processes=1)
    for name, stage in STAGES.items():
        program = at_rest()[name]
        text += _QUEUE.format(stage=stage, program=name, processes=program.processes)
        if rebalanced:
            text += f"least = {program.least}\nmost = {program.most}\n"
    return text + _CLOCK
