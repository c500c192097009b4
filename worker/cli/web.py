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
  fleet web                          show the web UI's address, or serve it when the fleet is down
  fleet web --listen 127.0.0.1:9000  serve it here until Ctrl-C
""",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve the web UI in the foreground.")
@click.option("--where", is_flag=True, help="Only print the URL of the running web UI.")
def web(listen: str | None, where: bool) -> None:
    """Show the address of the web UI, or serve it.

    It shows albums, artists, tracks, a map, scans, queues, health, and rq-dashboard. It is a
    program of the fleet and listens at FLEET_WEB. With --listen, or when the fleet is down, this
    command serves it until Ctrl-C. An address that other machines can reach demands
    FLEET_WEB_PASSWORD.
    """
    page = None if listen else _supervised()
    if page is None and where:
        raise BadInputError(
            "the web UI does not run — `fleet up` starts it, unless FLEET_WEB is off"
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
