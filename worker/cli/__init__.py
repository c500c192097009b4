"""The command line, `fleet`: one file a command or group, listed in `worker.cli.fleet`."""

import sys

from worker.cli.fleet import run


def main() -> None:
    """Run `fleet` and end the process with its exit code; the console script."""
    sys.exit(run())
