"""The command line, `fleet`: one file a command or group, listed in `worker.cli.fleet`."""


def main() -> None:
    """Run `fleet` and end the process with its exit code; the console script."""
    import sys  # noqa: PLC0415

    from worker.cli.fleet import run  # noqa: PLC0415  # worker.errors needs this package without click

    sys.exit(run())
