"""`fleet settings`: what is set, where each value is from, and how to change it."""

import os
import sys

import click

from db import settings as in_force
from db.settings import read_text, settings_file
from db.settings.declarations import SETTINGS, Setting
from worker.cli import arguments
from worker.cli.output import edit_until, print_json, print_line, print_table, say
from worker.errors import ExitCode
from worker.supervisor import fleet_environment
from worker.supervisor.rpc import is_up

_HIDDEN = "set, and not shown"


@click.group()
def settings() -> None:
    """Show, change and check the settings.

    They stay in settings.toml of the data folder. A variable of the environment (FLEET_WATCH for
    watch) wins over the file, as it was when the fleet was started. `fleet reload` applies an
    edited file to the running fleet.
    """


@settings.command(
    "list",
    epilog="""\b
Examples:
  fleet settings list
  fleet settings list --json | jq '.settings[] | select(.source != "default")'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_all(as_json: bool) -> None:
    """List every setting with its value, where that is from, and its type."""
    if as_json:
        print_json({"settings": [_described(each) for each in SETTINGS]})
        return
    rows = [["setting", "value", "from", "type"]]
    for each in SETTINGS:
        rows.append([each.key, _shown(each), fleet_environment.source(each), each.type])
    print_table(rows)
    _say_whose()


@settings.command(
    epilog="""\b
Examples:
  fleet settings get watch
  fleet settings get providers --json
""",
)
@click.argument("name", shell_complete=arguments.settings)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def get(name: str, as_json: bool) -> None:
    """Show the value of the setting NAME. Passwords and keys are not shown."""
    setting = settings_file.named(name)
    if as_json:
        print_json(_described(setting))
    else:
        print_line(_shown(setting))
        say(f"{setting.help} ({setting.type}; from {fleet_environment.source(setting)})")


@settings.command(
    "set",
    epilog="""\b
Examples:
  fleet settings set watch on
  fleet settings set providers "musicbrainz, coverartarchive"
  fleet settings set web_password_file /run/secrets/web    the file holds the password
  fleet settings set lastfm_key                            asks for it
  pass show lastfm | fleet settings set lastfm_key -       reads it from stdin
""",
)
@click.argument("name", shell_complete=arguments.settings)
@click.argument("value", required=False)
def set_one(name: str, value: str | None) -> None:
    """Write the setting NAME into settings.toml.

    The rest of the file, comments too, stays as it is. Nothing is written when the value has a
    fault. `fleet reload` applies it to the running fleet.
    """
    from worker.doctor.installation import change, named  # noqa: PLC0415  # takes half a second

    key, setting = named(name)
    text = sys.stdin.read() if value == "-" else value
    _say_then(change(key, text or click.prompt(key, hide_input=setting.secret)))


@settings.command(
    epilog="""\b
Examples:
  fleet settings unset watch
""",
)
@click.argument("name", shell_complete=arguments.settings)
def unset(name: str) -> None:
    """Take the setting NAME out of settings.toml: what holds then is its default."""
    from worker.doctor.installation import change  # noqa: PLC0415  # takes half a second

    _say_then(change(name, None))


@settings.command(
    epilog="""\b
Examples:
  fleet settings edit
  EDITOR=nano fleet settings edit
""",
)
def edit() -> None:
    """Edit settings.toml in your editor ($EDITOR).

    A new file lists every setting as a comment. What has a fault is not taken over: the editor
    opens again with it, and leaving it unchanged gives up.
    """
    from worker.doctor.installation import template, write  # noqa: PLC0415  # takes half a second

    file = settings_file.path()
    if edit_until(read_text(file) if file.exists() else template(), write):
        _say_then(None)
    else:
        say("Nothing was changed.")


@settings.command(
    epilog="""\b
Examples:
  fleet settings check
""",
)
@click.pass_context
def check(context: click.Context) -> None:
    """Check settings.toml and the environment; every fault is listed."""
    from worker.doctor.installation import setting_faults  # noqa: PLC0415  # takes half a second

    settings_file.values()
    fleet_environment.refill()
    faults = setting_faults()
    for fault in faults:
        say(f"fleet: {fault}")
    if faults:
        context.exit(ExitCode.BAD_INPUT)
    file = settings_file.path()
    print_line(f"{file}: no fault" if file.exists() else f"no fault; there is no {file}")


def _shown(setting: Setting) -> str:
    if setting.secret and os.environ.get(setting.name):
        return _HIDDEN
    return in_force.value(setting.name)


def _described(setting: Setting) -> dict[str, object]:
    source = fleet_environment.source(setting)
    return {
        "name": setting.key,
        "variable": setting.name,
        "value": None if setting.secret or source == "default" else in_force.value(setting.name),
        "source": source,
        "default": setting.default,
        "type": setting.type,
        "group": setting.group,
        "secret": setting.secret,
        "help": setting.help,
    }


def _say_whose() -> None:
    """Whose values were shown, and what differs from them."""
    if is_up():
        say("These are the values of the running fleet.")
        if fleet_environment.is_edited():
            say("settings.toml was edited since: `fleet reload` applies it.")
    for line in fleet_environment.differences():
        say(line)


def _say_then(setting: Setting | None) -> None:
    """What is to be done for the file to hold."""
    if setting is not None and fleet_environment.source(setting) == "environment":
        say(f"{setting.name} is set in the environment, which wins over settings.toml.")
    elif name := in_force.supervisor():
        say(f"It holds for each program once {name} has started it again.")
    elif is_up():
        say("`fleet reload` applies it to the running fleet.")
    else:
        say("It holds from the next `fleet up` on.")
