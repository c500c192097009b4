"""What the command of every bench shares: its parser, how it ends, what keeps it from running."""

import argparse
import shlex
import signal
import sys
from collections.abc import Callable, Sequence

PASSED, FAILED, UNUSABLE = 0, 1, 2
"""The exit codes: as required, not so, and not measured at all."""


class UnusableRunError(Exception):
    """A bench could not measure; the message says why, and what to do."""


def parser(name: str, documentation: str | None) -> argparse.ArgumentParser:
    """A parser of the arguments of `python -m bench NAME`, whose help is a module's docstring."""
    return argparse.ArgumentParser(
        prog=f"python -m bench {name}",
        description=documentation,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def command_line(name: str, arguments: Sequence[str]) -> str:
    """What was called, for the record."""
    return shlex.join(["python", "-m", "bench", name, *arguments])


def run(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run the command of a bench and return its exit code; SIGTERM ends it in order."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(UNUSABLE))
    try:
        return main(arguments)
    except UnusableRunError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return UNUSABLE


def say(line: str) -> None:
    """Print how far a bench has come, on stderr."""
    print(line, file=sys.stderr, flush=True)


def verdict(text: str, is_well: bool) -> bool:
    """Print a requirement and whether it holds; return that."""
    print(f"{'passed' if is_well else 'FAILED'}: {text}", flush=True)
    return is_well
