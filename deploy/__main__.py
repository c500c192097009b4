"""`fleet config render`, `fleet config write` and `fleet service`, as `python -m deploy`.

`fleet` has these commands by running this program: `worker` imports nothing of `deploy`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

import click

from db import settings
from deploy import compose, kubernetes, systemd
from deploy.programs import Fleet, described
from deploy.service import service
from worker.cli.fleet import explained
from worker.cli.output import print_error, print_line, say
from worker.errors import ExitCode
from worker.supervisor.conf_file import beside, render
from worker.supervisor.instance import committed
from worker.topology import Topology, load

FOLDER = "deploy"
"""Beside a queues.toml, the folder of the files that are committed."""


def _supervisord(fleet: Fleet) -> dict[str, str]:
    topology, host = fleet.topology, fleet.host
    instance = committed(topology)
    if host:  # its Redis is that of the whole fleet
        instance = replace(instance, host=host.name, programs=host.programs, embedded_redis=False)
    return {beside(topology.path).name: render(topology, instance)}


TARGETS: Mapping[str, Callable[[Fleet], dict[str, str]]] = {
    "supervisord": _supervisord,
    "compose": compose.files,
    "systemd": systemd.files,
    "kubernetes": kubernetes.files,
}
"""Each returns the texts of its files by their names below the folder that they are for."""


@click.group()
def deploy() -> None:
    """The fleet in the forms of other supervisors."""


@deploy.command("render")
@click.option("--target", type=click.Choice(list(TARGETS)), required=True)
@click.option("--host", default="")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False))
def render_target(target: str, host: str, into: Path | None) -> None:
    """Print the files of a target, or write them below a folder."""
    texts = TARGETS[target](described(load(), host))
    if into is None:
        for name, text in texts.items():
            if len(texts) > 1:
                print_line(f"# --- {name}")
            for line in text.splitlines():
                print_line(line)
        return
    for name, text in texts.items():
        _write(into / name, text)


@deploy.command()
@click.option("--check", "only_check", is_flag=True)
@click.pass_context
def write(context: click.Context, only_check: bool) -> None:
    """Render again what is committed beside queues.toml, or show what would change."""
    texts = _committed(load())
    if not only_check:
        for file, text in texts.items():
            _write(file, text)
        return
    differing = [file for file, text in texts.items() if not _is_so(file, text)]
    for file in differing:
        say(f"fleet: {file} differs — run `fleet config write`")
    if differing:
        context.exit(ExitCode.DRIFT)


def _committed(topology: Topology) -> dict[Path, str]:
    """What each file should say of the targets whose files lie beside this queues.toml."""
    texts: dict[Path, str] = {}
    for host in topology.hosts or [""]:
        folder, fleet = _folder(topology.path) / host, described(topology, host)
        for target, files in TARGETS.items():
            found = {folder / name: text for name, text in files(fleet).items()}
            if target != "supervisord" and any(file.exists() for file in found):
                texts |= found
    return texts


def _folder(queues: Path) -> Path:
    """For queues.toml `deploy`, for a profile such as queues.small.toml `deploy.small`.

    Below it each host has a folder, where there are any.
    """
    return queues.with_name(queues.stem.replace("queues", FOLDER, 1))


def _is_so(file: Path, text: str) -> bool:
    """Whether a file says so; else the difference is printed."""
    present = settings.read_text(file) if file.exists() else ""
    lines = present.splitlines(), text.splitlines()
    for line in unified_diff(*lines, str(file), "rendered from queues.toml", lineterm=""):
        print_line(line)
    return present == text


def _write(file: Path, text: str) -> None:
    """Have a file say so."""
    is_same = file.exists() and settings.read_text(file) == text
    if not is_same:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    say(f"{file} {'was already so' if is_same else 'written'}")


deploy.add_command(service)


def main() -> None:
    """Run a command; an error is a line and an exit code, as of `fleet`."""
    try:
        code = deploy.main(prog_name="fleet", standalone_mode=False)
    except click.UsageError as error:
        say(f"fleet: {error.format_message()}")
        sys.exit(ExitCode.USAGE)
    except (click.Abort, BrokenPipeError):
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # each becomes a line
        failure = explained(error)
        print_error(f"fleet: {failure}")
        sys.exit(failure.exit_code)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


if __name__ == "__main__":
    main()
