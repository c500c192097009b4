"""Every module that is shipped can be imported, and light programs stay light."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests import PACKAGES

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
    if "migrations" not in file.parts and file.name != "__main__.py"
)
HEAVY = ("librosa", "numba", "scipy", "sklearn", "numpy", "PIL", "soundfile", "av", "soxr")


@pytest.mark.parametrize("module", MODULES)
def test_the_module_can_be_imported(module: str) -> None:
    import_module(module)


def test_a_worker_that_has_imported_its_jobs_has_no_heavy_library() -> None:
    jobs = "jobs.scan, jobs.metadata, jobs.batch, jobs.insert, jobs.covers, jobs.audio_analysis"
    jobs += ", jobs.vectorization, jobs.gmm, jobs.monitoring, jobs.maintenance"
    jobs += ", jobs.worker_deferred_enrichment"
    code = f"import sys, worker.process, {jobs}; print(*(set({HEAVY}) & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []


_DRIVER = ("psycopg", "psycopg2", "redis.asyncio.client")
"""Those of PostgreSQL, which a program has no use for while the library is in SQLite; and one of
redis that none has any use for."""


@pytest.mark.parametrize(
    ("program", "more"),
    [
        ("web.__main__", _DRIVER),  # without similarity
        ("watch.__main__", _DRIVER),
        ("worker.process.__main__", ("click", *_DRIVER)),
        ("worker.recovery.__main__", _DRIVER),
        ("worker.schedule.scheduler", _DRIVER),
        ("worker.redis.valkey", ("peewee", "redis", "rq", "croniter", "click")),  # all wait for it
    ],
)
def test_a_light_program_has_no_heavy_library(program: str, more: tuple[str, ...]) -> None:
    has = f"{{name for name, module in sys.modules.items() if module}} & set({HEAVY + more})"
    code = f"import sys, {program}; print(*{has})"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"FLEET_DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == []


COLLECTED_AT_THE_END = """
import worker.host.light
class Knot:
    def __init__(self): self.own = self
    def __del__(self): print('collected', flush=True)
knot = Knot()
"""


def test_a_program_that_ends_does_not_search_all_that_it_imported_for_garbage() -> None:
    command = [sys.executable, "-c", COLLECTED_AT_THE_END]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert ended.stdout == ""


def test_what_is_left_for_later_is_there_when_it_is_used() -> None:
    code = "import worker.host.light, redis; print(redis.asyncio.Redis.__module__)"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert ended.stdout == "redis.asyncio.client\n"


def test_a_program_has_the_driver_of_postgresql_for_postgresql() -> None:
    code = "import sys, worker.process.__main__; print(sys.modules.get('psycopg') is not None)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"FLEET_DATABASE_URL": "postgresql://localhost/music"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "True"


EACH_IN_A_FORK = """
import os, sys
import click, peewee, redis, rq  # by all of them
for name in sys.argv[1:]:
    if os.fork() == 0:
        __import__(f"jobs.{name}")
        print(name, flush=True)
        os._exit(0)
    os.wait()
"""


def test_any_stage_can_be_the_first_that_a_worker_imports() -> None:
    stages = sorted(file.parent.name for file in (ROOT / "jobs").glob("*/__init__.py"))
    assert "scan" in stages
    command = [sys.executable, "-c", EACH_IN_A_FORK, *stages]
    imported = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert imported.stdout.split() == stages
