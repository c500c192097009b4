"""Lint and tests on each Python that setup.cfg declares, and the wheel: `make pythons`.

    .venv/bin/nox --python 3.14          one of them
    .venv/bin/nox --session wheel        the wheel alone, on all
    .venv/bin/nox -- tests/topology      other tests than TESTS

A Python that is not installed is skipped, unless CI is set.
"""

import tempfile
from configparser import ConfigParser
from pathlib import Path

import nox

_CLASSIFIER = "Programming Language :: Python :: 3."
_SETUP = ConfigParser()
_SETUP.read("setup.cfg")
PYTHONS = [
    classifier.rpartition(" ")[2]
    for classifier in _SETUP["metadata"]["classifiers"].splitlines()
    if classifier.startswith(_CLASSIFIER)
]
TESTS = (
    "tests/test_modules.py",
    "tests/test_schema.py",
    "tests/test_child.py",
    "tests/test_worker_process.py",
    "tests/audio_analysis/test_decoding.py",
    "tests/covers/test_thumbnails.py",
    "tests/fleet/test_scan_command.py",
    "tests/metadata/test_reading_files.py",
    "tests/pipeline/test_grouping.py",
    "tests/providers/test_web.py",
    "tests/queues/test_retrying.py",
    "tests/supervisor/test_supervisord_conf.py",
    "tests/topology",
    "tests/vectorization/test_jobs.py",
    "tests/web/test_pages.py",
)
"""What most depends on the Python: processes, forks, compiled packages, a whole fleet; a few CPU
minutes. `make test` runs all the rest on one Python."""
nox.options.default_venv_backend = "venv"


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Install musicfleet, check its types, run TESTS."""
    session.install("--editable", ".[test]")
    session.run("mypy")
    session.run("pytest", "-n", "2", "--dist", "loadfile", *(session.posargs or TESTS))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Install the wheel by constraints.txt, and scan with it as somebody who has nothing else.

    HOME is empty, the current folder and PYTHONPATH hold other modules of our packages' names, and
    there is no checkout.
    """
    with tempfile.TemporaryDirectory(prefix="mf", dir="/tmp") as folder:
        built, home, elsewhere = (Path(folder, each) for each in ("built", "home", "elsewhere"))
        session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(built), ".")
        session.install("--constraint", "constraints.txt", *map(str, built.iterdir()))
        home.mkdir()
        elsewhere.mkdir()
        for name in ("db", "demo", "deploy", "jobs", "watch", "web", "worker"):
            (elsewhere / f"{name}.py").write_text("raise SystemExit('not musicfleet')")
        own = {"HOME": str(home), "PYTHONPATH": str(elsewhere), "FLEET_WEB": "off"}
        unset = dict.fromkeys(("FLEET_DATA_DIR", "FLEET_QUEUES", "XDG_DATA_HOME"))
        with session.chdir(elsewhere):
            music = session.run("fleet-demo", env=own | unset | {"PYTHONPATH": None}, silent=True)
            demo = str(music).splitlines()[-1]
            session.run("fleet", "scan", "--stop", demo, env=own | unset, success_codes=[0, 3])
