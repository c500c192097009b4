"""Measures what a fleet costs at rest, program by program, and mpd beside it.

    python -m bench idle [--seconds N] [--settle N] [--tracks N | --library DIR] [--queues NAME]
                         [--web] [--only NAMES]

A library is scanned, all is left alone for --settle seconds, and then memory (PSS, in which what
processes share is counted in parts, and RSS), CPU seconds and bytes written are taken over
--seconds of rest. Ours comes first, then mpd; each is printed as it comes, and --only leaves out
the other. --queues is what FLEET_QUEUES is to be, such as `small`.

Exit code 0: ours takes at most 250 MiB PSS (120 with --queues small) and 0.5 % of a core; 1: not
so; 2: it could not be run.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from bench.command import FAILED, PASSED, command_line, parser, say, verdict
from bench.measures.scan import add_library, installed, library, started
from bench.peers import cost
from bench.peers.cost import Usage
from bench.peers.programs import Mpd, Ours
from bench.record import results
from bench.record.results import Cell, Result, Table

MOST_MIB = {"small": 120}
MOST_MIB_BY_DEFAULT = 250
MOST_OF_A_CORE = 0.005
_COLUMNS = ("processes", "PSS MiB", "RSS MiB", "CPU s a minute", "KiB written a minute")
_PEERS = (Ours.name, Mpd.name)


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("idle", __doc__)
    add_library(options, 1000)
    options.add_argument("--seconds", type=float, default=60, help="of rest (%(default)s)")
    options.add_argument("--settle", type=float, default=75, help="before (%(default)s)")
    options.add_argument("--queues", metavar="NAME", help="a profile or a queues.toml")
    options.add_argument("--web", action="store_true", help="with the web UI")
    options.add_argument("--only", default=",".join(_PEERS), metavar="NAMES", help="(%(default)s)")
    asked = options.parse_args(arguments)
    peers = installed(asked.only, _PEERS)
    load, chosen = results.load(), {"FLEET_QUEUES": asked.queues} if asked.queues else {}
    if asked.web:
        chosen["FLEET_WEB"] = "127.0.0.1:0"
    rows: list[list[Cell]] = []
    _print(["", *_COLUMNS])
    with library(asked) as found:
        for name in peers:
            if name == Ours.name:
                programs = _ours(found.music, chosen, asked.settle, asked.seconds)
                these = [_sum(name, programs), *programs]
            else:
                these = [_mpd(found.music, asked.settle, asked.seconds)]
            rows += these
            for row in these:
                _print(row)
    table = Table(_COLUMNS, rows, plotted="PSS MiB")
    what = f"At rest after a scan of {found.tracks:,} tracks, {asked.seconds:.0f} s"
    versions = {name: str(peer.version()) for name, peer in peers.items()}
    bench = f"idle-{Path(asked.queues).stem}" if asked.queues else "idle"
    result = Result(bench, command_line("idle", arguments), what, table, versions, load)
    say(f"{results.write(result)} written")
    total = next((row for row in rows if row[0] == Ours.name), None)
    return PASSED if total is None or _is_light(total, asked.queues) else FAILED


def _print(row: Sequence[Cell]) -> None:
    print("".join(f"{cell!s:>22}" for cell in row), flush=True)


def _ours(folder: Path, chosen: dict[str, str], settle: float, seconds: float) -> list[list[Cell]]:
    """A row for each program of the fleet."""

    class Chosen(Ours):
        settings = Ours.settings | chosen

    with started(Chosen, folder) as one:
        assert isinstance(one, Ours)  # noqa: S101  # for the type checker
        one.scan()
        used = _at_rest(one.supervisord, settle, seconds)
    programs: dict[str, list[tuple[Usage, float, int]]] = {}
    for each in used:
        programs.setdefault(_program(each[0].command), []).append(each)
    return sorted(
        (_row(name, each, seconds) for name, each in programs.items()),
        key=lambda row: -float(row[2] or 0),
    )


def _mpd(folder: Path, settle: float, seconds: float) -> list[Cell]:
    with started(Mpd, folder) as one:
        assert isinstance(one, Mpd)  # noqa: S101  # for the type checker
        one.scan()
        return _row(Mpd.name, _at_rest(one.process.pid, settle, seconds), seconds)


def _at_rest(top: int, settle: float, seconds: float) -> list[tuple[Usage, float, int]]:
    """What each process uses, with the CPU seconds and bytes of the time of rest."""
    say(f"leaving process {top} alone for {settle + seconds:.0f} s")
    time.sleep(settle)
    before = cost.usages(top)
    time.sleep(seconds)
    after = cost.usages(top)
    nothing = Usage("", 0.0, 0.0, 0.0, 0)
    return [
        (
            now,
            now.cpu - before.get(pid, nothing).cpu,
            now.written - before.get(pid, nothing).written,
        )
        for pid, now in after.items()
    ]


def _program(command: str) -> str:
    """The program of a process, by its command line."""
    words = command.split()
    if "worker.process" in words:
        return words[words.index("worker.process") + 1]
    if "-m" in words:
        return words[words.index("-m") + 1]
    return Path(words[0]).name if words else "ended"


def _row(name: str, used: Sequence[tuple[Usage, float, int]], seconds: float) -> list[Cell]:
    minutes = seconds / 60
    return [
        name,
        len(used),
        round(sum(each.pss for each, _, _ in used), 1),
        round(sum(each.rss for each, _, _ in used), 1),
        round(sum(cpu for _, cpu, _ in used) / minutes, 2),
        round(sum(written for _, _, written in used) / 1024 / minutes),
    ]


def _sum(name: str, rows: Sequence[Sequence[Cell]]) -> list[Cell]:
    columns = zip(*(row[1:] for row in rows), strict=True)
    return [name, *(round(sum(float(cell or 0) for cell in each), 2) for each in columns)]


def _is_light(total: Sequence[Cell], queues: str | None) -> bool:
    memory, cpu = float(total[2] or 0), float(total[4] or 0) / 60
    most = MOST_MIB.get(queues or "", MOST_MIB_BY_DEFAULT)
    is_small = verdict(f"{memory:.0f} MiB PSS; at most {most}", memory <= most)
    text = f"{cpu:.2%} of a core; at most {MOST_OF_A_CORE:.1%}"
    return verdict(text, cpu <= MOST_OF_A_CORE) and is_small
