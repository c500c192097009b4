"""Says where the CPU time of a scan goes: by program of the fleet, and by function.

    python -m bench profile scan [--tracks N | --library DIR] [--rate N] [--functions N]

A fleet is started below py-spy (of the extra `bench`), which takes a sample of the stack of each of
its processes --rate times a second while `fleet scan` runs, of those only that have the CPU. What
it started itself it may sample without any right; where the kernel allows no process to look into
another (Yama's ptrace_scope 2 or 3, seccomp of a container), that is said, with the remedy.

Exit code 0: printed is where the time goes; 2: it could not be measured.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.command import PASSED, UnusableRunError, parser, say
from bench.measures.scan import add_library, library
from bench.peers.programs import Ours

_PATIENCE = 60.0
_SAMPLE = re.compile(r"(?P<stack>.*) (?P<count>\d+)")
_PROCESS = re.compile(r'process \d+:"?(?P<command>.*?)"?$')
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)$")
_OURS = ("db/", "jobs/", "worker/", "web/", "watch/")


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("profile", __doc__)
    options.add_argument("what", choices=["scan"])
    add_library(options, 2000)
    options.add_argument("--rate", type=int, default=100, help="samples a second (%(default)s)")
    options.add_argument("--functions", type=int, default=25, help="lines a table (%(default)s)")
    asked = options.parse_args(arguments)
    spy = _spy()
    with library(asked) as found, tempfile.TemporaryDirectory(prefix="mfspy", dir="/tmp") as name:
        samples = _profiled(spy, found.music, Path(name), asked.rate)
    if not samples:
        raise UnusableRunError("py-spy took no sample — give more --tracks, or a higher --rate")
    _print(samples, asked.rate, asked.functions)
    return PASSED


def _spy() -> str:
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise UnusableRunError("py-spy is not installed — run `pip install -e '.[bench]'`")
    return found


def _profiled(spy: str, folder: Path, work: Path, rate: int) -> Counter[tuple[str, ...]]:
    """How often each stack was met, from the process to the function, while a scan ran."""
    ours, raw = Ours(folder, work), work / "samples"
    command = [spy, "record", "--subprocesses", "--format", "raw", "--rate", str(rate)]
    command += ["--nolineno", "--output", str(raw), "--"]
    command += [sys.executable, "-m", "worker.cli", "up", "--foreground"]
    with _sampling(command, ours, work / "log") as spying:
        _wait(ours, spying, work / "log")
        say("scanning")
        ours.fleet("scan", "--", str(folder))
    if not raw.exists():
        raise _refused(work / "log")
    return _samples(raw.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def _sampling(command: Sequence[str], ours: Ours, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A fleet below py-spy until it is left; then py-spy writes down what it met."""
    with log.open("wb") as said:
        spying = subprocess.Popen(
            command,
            env=ours.environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield spying
    finally:
        if spying.poll() is None:
            spying.send_signal(signal.SIGINT)  # it writes what it has
        try:
            spying.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            spying.kill()
        ours.stop()


def _wait(ours: Ours, spying: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the fleet is up."""
    deadline = time.monotonic() + _PATIENCE
    while not (ours.data / "run/supervisord.pid").exists():
        if spying.poll() is not None or time.monotonic() > deadline:
            raise _refused(log)
        time.sleep(0.2)


def _refused(log: Path) -> UnusableRunError:
    lines = log.read_text(errors="replace").splitlines()[-10:]
    remedy = "see what it said"
    if re.search(r"permission|ptrace|not permitted", "\n".join(lines), re.IGNORECASE):
        remedy = (
            "the kernel lets no process look into another: as root, `sysctl "
            "kernel.yama.ptrace_scope=1`, and start a container with --cap-add SYS_PTRACE"
        )
    return UnusableRunError("\n  ".join([f"py-spy cannot sample the fleet — {remedy}:", *lines]))


def _samples(raw: str) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for line in raw.splitlines():
        if sample := _SAMPLE.fullmatch(line):
            found[tuple(sample["stack"].split(";"))] += int(sample["count"])
    return found


def _print(samples: Counter[tuple[str, ...]], rate: int, most: int) -> None:
    """Print seconds by program, and the functions of ours that most time was spent below."""
    programs: Counter[str] = Counter()
    below: dict[str, Counter[str]] = {}
    own: Counter[str] = Counter()
    for stack, count in samples.items():
        processes = [each for each in stack if _PROCESS.match(each)]
        frames = [each for each in stack if not _PROCESS.match(each)]
        program = _program(processes[-1] if processes else "")
        programs[program] += count
        below.setdefault(program, Counter()).update(dict.fromkeys(map(_shown, frames), count))
        own[_shown(frames[-1]) if frames else "?"] += count
    total = programs.total()
    print(f"{total / rate:.1f} s of CPU in {len(samples)} different stacks\n")
    for program, count in programs.most_common():
        print(f"{program}: {count / rate:.1f} s, {count / total:.0%}")
        ours = [each for each in below[program].most_common() if each[0].startswith(_OURS)]
        for function, spent in ours[:most]:
            print(f"  {spent / rate:7.2f} s  {spent / count:4.0%}  below {function}")
    print("\nin the function itself, of all programs")
    for function, spent in own.most_common(most):
        print(f"  {spent / rate:7.2f} s  {spent / total:4.0%}  {function}")


def _program(process: str) -> str:
    found = _PROCESS.match(process)
    words = found["command"].split() if found else []
    if "worker.process" in words:
        return words[words.index("worker.process") + 1]
    return words[words.index("-m") + 1] if "-m" in words else " ".join(words)[:40] or "?"


def _shown(frame: str) -> str:
    """A frame as FILE FUNCTION, the file from the package on."""
    found = _FRAME.match(frame)
    if found is None:
        return frame
    file = found["file"].replace(os.sep, "/")
    for package in _OURS:
        if f"/{package}" in f"/{file}":
            return f"{package}{f'/{file}'.rpartition(f'/{package}')[2]} {found['function']}"
    return f"{file.rpartition('site-packages/')[2]} {found['function']}"
