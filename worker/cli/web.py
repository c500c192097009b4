"""`fleet web` and `fleet watch`: the address of the web UI, and the watched folders."""

import os
import sys
from typing import NoReturn

import click

from db.sql.path_text import shown
from worker.cli.output import print_json, print_line, say
from worker.errors import BadInputError
from worker.supervisor import fleet_environment, watch_state, web_address
from worker.supervisor.rpc import is_up, processes
from worker.supervisor.watch_state import WatchedRoot


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
    command serves it until Ctrl-C. Without FLEET_WEB_PASSWORD every user of this machine has
    access; an address that other machines can reach demands it.
    """
    for line in fleet_environment.differences():
        say(line)
    page = None if listen else web_address.running()
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
        print_line(page.url)
        if not where and not web_address.password():
            say(web_address.OPEN_TO_USERS)
    else:
        raise BadInputError(page.fault)


def _serve(address: web_address.WebAddress) -> NoReturn:
    """Become the web UI, which no module of `fleet` imports."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "web", "--listen", address.text])


_HOW = {
    "inotify": "is watched",
    "timed": "is scanned every {minutes:g} min",
    "waiting": "is not there yet",
}


@click.command(
    epilog="""\b
Examples:
  fleet watch
  fleet settings set watch on && fleet reload             watch every folder that was scanned
  fleet settings set watch /music:/more && fleet reload   watch these
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def watch(as_json: bool) -> None:
    """Show which folders musicfleet watches, how, and why.

    The watcher follows file-system events (inotify). It takes in new, changed and gone files as
    soon as their folder has been quiet for some seconds. FLEET_WATCH turns it on when the fleet
    starts. Where inotify misses events, such as on network shares, the watcher scans the folder
    from time to time.
    """
    for line in fleet_environment.differences():
        say(line)
    state = watch_state.running()
    roots = state.roots if state else []
    if as_json:
        print_json({"folders": [each._asdict() for each in roots]})
    else:
        for each in roots:
            print_line(_line(each))
    if state is None:
        say(_off())
    elif not state.roots:
        say("No folder was scanned yet: `fleet scan PATH`.")


def _line(root: WatchedRoot) -> str:
    how = _HOW[root.how].format(minutes=watch_state.timed_minutes())
    why = f": {root.why}" if root.why else ""
    remedy = f" — {root.remedy}" if root.remedy else ""
    return f"{shown(root.root)} {how}{why}{remedy}"


def _off() -> str:
    if any(each.name == "watch" for each in processes()):
        return "The watcher is starting: `fleet logs watch`."
    command = "`fleet reload`" if is_up() else "`fleet up`"
    if watch_state.is_on():
        return f"No watcher runs: {command} starts it."
    return f"Nothing is watched: `fleet settings set watch on`, or folders, then {command}."
