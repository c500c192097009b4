"""The command line, `fleet`: one file a command or group, listed in `worker.cli.fleet`."""

import sys
from importlib import import_module

from worker.cli.fleet import run


def main() -> None:
    """Run `fleet` and end the process with its exit code; the console script."""
    import_module("worker.host.light")  # in a process of its own, and before any command
    sys.exit(run())
