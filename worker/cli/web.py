"""`fleet web`: where the page is, or the page by itself."""

import os
import sys
from typing import NoReturn

import click

from worker import web_address
from worker.errors import BadInputError
from worker.supervisor import control


@click.command(
    epilog="""\b
Examples:
  fleet web                          say where the fleet's page is, or serve it when it is not up
  fleet web --listen 127.0.0.1:9000  serve it here until Ctrl-C, fleet or no fleet
""",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve the page in the foreground.")
@click.option("--where", is_flag=True, help="Only say where the page of the fleet that runs is.")
def web(listen: str | None, where: bool) -> None:
    """Show where the page is: covers, albums, artists, scans, queues, problems, rq-dashboard.

    It is a program of the fleet, and listens at FLEET_WEB. With --listen, or when the fleet is not
    up, this command serves it until Ctrl-C. An address that others can reach demands
    FLEET_WEB_PASSWORD.
    """
    page = None if listen else _supervised()
    if page is None and where:
        raise BadInputError(
            "no page of a fleet runs — `fleet up` starts it, unless FLEET_WEB is off"
        )
    if page is None:
        address = web_address.parsed(listen) if listen else web_address.configured()
        if address is None:
            raise BadInputError("FLEET_WEB is off — set it to HOST:PORT, or use --listen HOST:PORT")
        web_address.refuse_open(address)
        _serve(address)
    elif page.url:
        click.echo(page.url)
    else:
        raise BadInputError(page.fault)


def _supervised() -> web_address.Page | None:
    """What the page of the running fleet has said; None when there is none."""
    page = web_address.published()
    is_alive = page is not None and any(each.pid == page.pid for each in control.processes())
    return page if is_alive else None


def _serve(address: web_address.WebAddress) -> NoReturn:
    """Become the page: what `fleet` is made of does not import it."""
    os.execv(sys.executable, [sys.executable, "-m", "web", "--listen", address.text])
