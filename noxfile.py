"""Lint and tests on each Python that setup.cfg declares: `make pythons`.

    .venv/bin/nox --python 3.14          one of them
    .venv/bin/nox -- tests/topology      other tests than TESTS

A Python that is not installed is skipped, unless CI is set.
"""

from configparser import ConfigParser

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
