"""The web UI as a program: `python -m web`. supervisord runs it, and so does `fleet web`."""

import sys

import click

from db.errors import DatabaseError
from web.serving import serve
from worker import web_address
from worker.cli.fleet import explained
from worker.errors import WorkerError


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Instead of what FLEET_WEB says.")
def main(listen: str | None) -> None:
    """Serve the web UI until SIGTERM."""
    try:
        if listen is None:
            serve(web_address.configured() or web_address.default(), supervised=True)
        else:
            address = web_address.parsed(listen)
            web_address.refuse_open(address)
            serve(address, supervised=False)
    except (WorkerError, DatabaseError, OSError) as error:
        failure = explained(error)
        click.echo(f"web: {failure}", err=True)
        sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
