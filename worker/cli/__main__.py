"""`python -m worker.cli` is `fleet`."""

import worker.host.light  # noqa: F401  # first: see there

import sys

from worker.cli.fleet import run

sys.exit(run())
