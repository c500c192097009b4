"""Sends the API whatever its document allows, and what it does not, by schemathesis.

    python -m bench api [--tracks N | --library DIR] [--examples N]

A library of --tracks tracks is scanned by a fleet of its own, and schemathesis, which is to be
installed (`pip install schemathesis`), makes requests of the OpenAPI document at /api/openapi.json:
some for each operation at the limits of its parameters, and --examples at random. It fails an
answer that is a fault of the server, or not as the document says, and a request that was refused
though the document allows it, or taken though it does not.

Exit code 0: none was found; 1: some were; 2: it could not be run.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say, verdict
from bench.measures.page import WithPages
from bench.measures.scan import add_library, library, started
from bench.peers.programs import Ours
from bench.record import results
from bench.record.results import Result, Table

_EXAMPLES = 80
"""Of each operation: with those at the limits some 3,400 requests."""
_USER = f"bench{time.time_ns()}"
_PHASES = "examples,coverage,fuzzing"
_COUNT = re.compile(r"(\d+) generated")
_FOUND = re.compile(r"found (\d+) unique failures?")


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("api", __doc__)
    add_library(options, 100)
    options.add_argument("--examples", type=int, default=_EXAMPLES, help="(%(default)s)")
    asked = options.parse_args(arguments)
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        raise UnusableRunError("schemathesis is not installed — `pip install schemathesis`")
    load = results.load()
    with library(asked) as found, started(WithPages, found.music) as one:
        assert isinstance(one, WithPages)  # noqa: S101  # for the type checker
        one.scan()
        printed = _sent(program, one, asked.examples)
    print(printed)
    sent, faults = _number(_COUNT, printed), _number(_FOUND, printed)
    versions = {Ours.name: Ours.version()}
    table = Table(("requests", "failures"), [["/api", sent, faults]], plotted="requests")
    what = f"Requests of schemathesis, in a library of {found.tracks:,} tracks"
    result = Result("api", command_line("api", arguments), what, table, versions, load)
    say(f"{results.write(result)} written")
    good = verdict(f"{sent:,} requests, {faults} failures", sent > 0 and not faults)
    return PASSED if good else FAILED


def _sent(program: str, one: WithPages, examples: int) -> str:
    """What schemathesis prints of the requests that it sent."""
    key = new_key(one)
    command = [program, "run", f"{one.url}api/openapi.json", "--phases", _PHASES]
    command += ["--header", f"Authorization: Bearer {key}", "--max-examples", str(examples)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=one.data, check=False)
    return ended.stdout


def new_key(one: WithPages) -> str:
    """An API key of a new administrator."""
    _fleet(one, "user", "add", _USER, "--admin", typed="a long password\n")
    return _fleet(one, "user", "key", _USER).strip()


def _fleet(one: WithPages, *arguments: str, typed: str = "") -> str:
    """What a command of the fleet prints."""
    command = [sys.executable, "-m", "worker.cli", *arguments]
    ended = subprocess.run(
        command, env=one.environment, input=typed, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise UnusableRunError(f"`fleet {' '.join(arguments)}`: {ended.stderr}")
    return ended.stdout


def _number(pattern: re.Pattern[str], printed: str) -> int:
    """The number that was printed; 0 where there is none."""
    found = pattern.search(printed)
    return int(found[1]) if found else 0
