"""`fleet service`: the fleet of this machine as a service of systemd.

It starts at boot and survives a logout. By default it is a unit of the user's own systemd, which
runs while the user is logged in, and at all times once the user "lingers" (loginctl(1)).
"""

import getpass
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from db import settings
from db.settings.declarations import SETTINGS
from deploy.systemd import SERVICE, Place, whole
from worker.cli.output import print_json, print_line, say
from worker.errors import BadInputError, ExitCode, FleetStartError
from worker.supervisor import control
from worker.supervisor.readiness import wait_until_ready
from worker.topology.queues_toml import own_queues_file, queues_file

_HEADER = "# Written by `fleet service install`. `fleet service uninstall` removes it.\n"
_INSTEAD = "start the fleet at boot by what this machine has for it (`fleet up`), or by a container"
_START_SECONDS = 60.0
_LINGERS = Path("/var/lib/systemd/linger")
"""A file here for each user whose systemd runs without a login (loginctl(1))."""
_SYSTEM_DATA = "/var/lib/musicfleet"
_OWN = {"FLEET_DATA_DIR", "FLEET_QUEUES", "FLEET_DEBUG"}
"""Settings that a unit has by themselves, or not at all."""


class Systemd:
    """The systemd of the system, or of this user. Raises BadInputError where there is none."""

    def __init__(self, *, is_system: bool) -> None:
        self.is_system = is_system
        if shutil.which("systemctl") is None:
            raise BadInputError(f"this machine has no systemd — {_INSTEAD}")
        answer = self._run("show-environment")
        if answer.returncode:
            raise BadInputError(self._absence(answer.stderr))

    def __call__(self, *arguments: str) -> str:
        """What systemctl prints. Raises FleetStartError for what it refuses."""
        answer = self._run(*arguments)
        if answer.returncode:
            reason = " ".join(answer.stderr.split()) or f"it ended with {answer.returncode}"
            raise FleetStartError(f"systemctl {' '.join(arguments)}: {reason} — see {self.journal}")
        return answer.stdout.strip()

    def state(self, question: str) -> str:
        """What systemctl says of the unit: `is-enabled` or `is-active`, in a word."""
        return self._run(question, SERVICE).stdout.strip() or "unknown"

    @property
    def unit_file(self) -> Path:
        """Where the unit is."""
        if self.is_system:
            return Path("/etc/systemd/system", SERVICE)
        config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return settings.at_home(config, "XDG_CONFIG_HOME") / "systemd/user" / SERVICE

    @property
    def journal(self) -> str:
        """The command that shows what the unit has written."""
        return f"`journalctl {'--unit' if self.is_system else '--user-unit'} {SERVICE}`"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        scope = [] if self.is_system else ["--user"]
        command = ["systemctl", *scope, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def _absence(self, reason: str) -> str:
        said = " ".join(reason.split())
        if self.is_system or "not been booted" in said:
            return f"systemd does not run this machine: {said} — {_INSTEAD}"
        return (
            f"no systemd of the user {getpass.getuser()} answers: {said} — log in as this user, "
            "not by su or sudo, or use --system"
        )


@click.group()
def service() -> None:
    """Have systemd start the fleet at boot."""


_system = click.option(
    "--system", "is_system", is_flag=True, help="A unit of the system; for root."
)


@service.command()
@_system
@click.option("--as", "user", default="", metavar="USER", help="With --system: who runs the fleet.")
def install(is_system: bool, user: str) -> None:
    """Install the unit, start the fleet by it now, and at each boot."""
    if user and not is_system:
        raise BadInputError("--as is for a unit of the system — add --system, or be that user")
    place = _place_of_system(user) if is_system else _place_of_user()
    systemd = Systemd(is_system=is_system)
    text = _HEADER + whole(place)
    is_new = not systemd.unit_file.exists() or settings.read_text(systemd.unit_file) != text
    if is_new:
        systemd.unit_file.parent.mkdir(parents=True, exist_ok=True)
        systemd.unit_file.write_text(text, encoding="utf-8")
        systemd("daemon-reload")
    say(f"{systemd.unit_file} {'written' if is_new else 'was already so'}")
    _start(systemd, is_new=is_new)
    if not is_system:
        _linger()
        wait_until_ready(say)
    say("systemd runs the fleet, now and from each boot on. `fleet service status` shows it.")


def _start(systemd: Systemd, *, is_new: bool) -> None:
    """Have the unit run the fleet, whoever runs it now."""
    systemd("enable", SERVICE)
    is_active = systemd.state("is-active") == "active"
    if is_active and is_new:
        systemd("restart", SERVICE)
    elif not is_active:
        if not systemd.is_system and control.is_up():
            say("The fleet is up without systemd: it is stopped and started again.")
            control.stop(say)
        systemd("start", SERVICE)
    deadline = time.monotonic() + _START_SECONDS
    while not (systemd.is_system or control.is_up()):
        is_failed = systemd.state("is-active") in {"failed", "inactive"}
        if is_failed or time.monotonic() > deadline:
            raise FleetStartError(f"the unit does not start the fleet — see {systemd.journal}")
        time.sleep(0.2)


def _linger() -> None:
    """Have this user's systemd run without a login."""
    user = getpass.getuser()
    if (_LINGERS / user).exists():
        return
    command = ["loginctl", "enable-linger", user]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise FleetStartError(
            "the fleet runs, and would end with your last logout: loginctl refuses to let the user "
            f"linger ({' '.join(answer.stderr.split())}) — `sudo loginctl enable-linger {user}`"
        )
    say(f"{user} lingers from now on: the fleet starts at boot and stays after a logout.")


def _place_of_user() -> Place:
    return Place(
        is_system=False,
        bin=_literal(Path(sys.executable).parent, "the path of Python"),
        data_dir=_literal(settings.data_dir(), "the data folder"),
        queues=_queues(),
        environment=tuple(_environment()),
    )


def _place_of_system(user: str) -> Place:
    if os.geteuid():
        raise BadInputError("units of the system are root's — use sudo, or leave out --system")
    user = user or os.environ.get("SUDO_USER", "")
    try:
        pwd.getpwnam(user or "?")
    except KeyError:
        named = f"there is no user {user!r}" if user else "nobody is named who runs the fleet"
        raise BadInputError(f"{named} — add --as USER") from None
    chosen = os.environ.get("FLEET_DATA_DIR")
    data = settings.at_home(chosen, "FLEET_DATA_DIR") if chosen else Path(_SYSTEM_DATA)
    return Place(
        is_system=True,
        bin=_literal(Path(sys.executable).parent, "the path of Python"),
        data_dir=_literal(data, "the data folder"),
        queues=_queues(),
        user=user,
        environment=tuple(_environment()),
    )


def _queues() -> str:
    """The queues.toml that holds, where the unit has to name it."""
    chosen = os.environ.get("FLEET_QUEUES")
    named = chosen if chosen and "/" not in chosen else str(queues_file())
    return _literal(named, "FLEET_QUEUES") if chosen and queues_file() != own_queues_file() else ""


def _environment() -> Iterator[tuple[str, str]]:
    """The settings of the caller's environment. Raises BadInputError for a secret, by its name.

    Whoever may log in can read a unit.
    """
    for setting in SETTINGS:
        text = os.environ.get(setting.name, "")
        if not text or setting.name in _OWN:
            continue
        if setting.secret:
            raise BadInputError(
                f"{setting.name} stands in the environment and is secret, which a unit is not — "
                f"`fleet settings set {setting.key} …`, unset {setting.name}, then again"
            )
        yield setting.name, _literal(text, setting.name)


def _literal(value: object, what: str) -> str:
    """A text for a unit, where % begins a specifier. Raises BadInputError for what cannot stand."""
    text = str(value)
    if not text.isprintable():
        raise BadInputError(f"{what} has control characters: {text!r} — choose another")
    return text.replace("%", "%%")


@service.command()
@_system
def uninstall(is_system: bool) -> None:
    """Stop the fleet, and have systemd start it no more. The library stays."""
    systemd = Systemd(is_system=is_system)
    if not systemd.unit_file.exists():
        say(f"No unit is installed: there is no {systemd.unit_file}.")
        return
    systemd("disable", "--now", SERVICE)
    systemd.unit_file.unlink()
    systemd("daemon-reload")
    say(f"{systemd.unit_file} is removed, and the fleet is down. The library stays.")


@service.command()
@_system
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def status(context: click.Context, is_system: bool, as_json: bool) -> None:
    """Show whether the unit is installed, starts at boot and runs the fleet."""
    systemd = Systemd(is_system=is_system)
    says = {
        "unit": str(systemd.unit_file),
        "installed": systemd.unit_file.exists(),
        "enabled": systemd.state("is-enabled"),
        "active": systemd.state("is-active"),
        "without_login": is_system or (_LINGERS / getpass.getuser()).exists(),
    }
    if as_json:
        print_json(says)
    else:
        for name, each in says.items():
            print_line(f"{name.replace('_', ' '):14} {_word(each)}")
    if says["installed"] and says["active"] != "active":
        say(f"The unit does not run the fleet: {systemd.journal} says why.")
        context.exit(ExitCode.FLEET_FAILED)


def _word(value: object) -> str:
    return str(value) if isinstance(value, str) else ("yes" if value else "no")
