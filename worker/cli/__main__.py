"""`python -m worker.cli` is `fleet`."""

import sys

from worker.cli.fleet import run

sys.exit(run())
