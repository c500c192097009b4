"""`fleet watch`: which folders are watched, how, and why not otherwise."""

import json

import click

from db.paths import shown
from worker import watching
from worker.supervisor.rpc import is_up, processes
from worker.watching import WatchedRoot

_HOW = {
    "inotify": "is watched",
    "timed": "is scanned every {minutes:g} min",
    "waiting": "is not there yet",
}


@click.command(
    epilog="""\b
Examples:
  fleet watch
  FLEET_WATCH=on fleet up              watch every folder that was scanned
  FLEET_WATCH=/music:/more fleet up    watch these
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a folder.")
def watch(as_json: bool) -> None:
    """Show which folders musicfleet watches, how, and why.

    The watcher follows file-system events (inotify). It takes in new, changed and gone files as
    soon as their folder has been quiet for some seconds. FLEET_WATCH turns it on when the fleet
    starts. Where inotify misses events, such as on network shares, the watcher scans the folder
    from time to time.
    """
    standing = watching.running()
    for each in standing.roots if standing else []:
        click.echo(json.dumps(each._asdict(), ensure_ascii=False) if as_json else _line(each))
    if standing is None:
        click.echo(_off(), err=True)
    elif not standing.roots:
        click.echo("No folder was scanned yet: `fleet scan PATH`.", err=True)


def _line(root: WatchedRoot) -> str:
    how = _HOW[root.how].format(minutes=watching.timed_minutes())
    why = f": {root.why}" if root.why else ""
    remedy = f" — {root.remedy}" if root.remedy else ""
    return f"{shown(root.root)} {how}{why}{remedy}"


def _off() -> str:
    if any(each.name == "watch" for each in processes()):
        return "The watcher is starting: `fleet logs watch`."
    command = "`fleet reload`" if is_up() else "`fleet up`"
    if watching.is_on():
        return f"No watcher runs: {command} starts it."
    return f"Nothing is watched: set FLEET_WATCH to on, or to folders, then {command}."
