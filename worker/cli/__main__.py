"""`python -m worker.cli` is `fleet`."""

from worker.cli import main

main()
