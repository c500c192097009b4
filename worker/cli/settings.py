"""`fleet settings`: what is set, where each value is from, and how to change it."""

import os
from itertools import groupby
from pathlib import Path

import click

from db import settings as in_force
from db.errors import SettingError
from db.settings import read_text, set_mode, settings_file
from db.settings.declarations import SETTINGS, Setting
from worker.cli.output import edit_until, print_json, print_line, print_table, say
from worker.errors import BadInputError, ExitCode
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
        print_json({"version": 1, "settings": [_described(each) for each in SETTINGS]})
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
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def get(name: str, as_json: bool) -> None:
    """Show the value of the setting NAME. Passwords and keys are not shown."""
    setting = settings_file.named(name)
    if as_json:
        print_json({"version": 1, **_described(setting)})
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
""",
)
@click.argument("name")
@click.argument("value", required=False)
def set_one(name: str, value: str | None) -> None:
    """Write the setting NAME into settings.toml.

    The rest of the file, comments too, stays as it is. Nothing is written when the value has a
    fault. `fleet reload` applies it to the running fleet.
    """
    key, setting = _named(name)
    if value is None:
        value = click.prompt(key, hide_input=setting.secret)
    is_path = key != setting.key
    _write(_changed(key, value if is_path else settings_file.as_toml(setting, value.strip())))
    _say_then(setting)


@settings.command(
    epilog="""\b
Examples:
  fleet settings unset watch
""",
)
@click.argument("name")
def unset(name: str) -> None:
    """Take the setting NAME out of settings.toml: what holds then is its default."""
    key, setting = _named(name)
    _write(_changed(key, None))
    _say_then(setting)


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
    file = settings_file.path()
    if edit_until(read_text(file) if file.exists() else _template(), _write):
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
    from worker.doctor.installation import setting_faults  # noqa: PLC0415  # takes the doctor

    settings_file.values()
    fleet_environment.refill()
    faults = setting_faults()
    for fault in faults:
        say(f"fleet: {fault}")
    if faults:
        context.exit(ExitCode.BAD_INPUT)
    file = settings_file.path()
    print_line(f"{file}: no fault" if file.exists() else f"no fault; there is no {file}")


def _named(name: str) -> tuple[str, Setting]:
    """The key of the file, and the setting that it is of. Raises SettingError."""
    key = name.lower().removeprefix("fleet_")
    ending = settings_file.SECRET_FILE.lower()
    if key.endswith(ending):
        setting = settings_file.named(key.removesuffix(ending))
        if setting.secret:
            return key, setting
    setting = settings_file.named(key)
    if not setting.in_file:
        raise SettingError(f"{setting.key} stands in the environment alone — set {setting.name}")
    return setting.key, setting


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


def _changed(key: str, value: object) -> str:
    """The text of the file with another value, comments kept; None takes the key out."""
    import tomlkit  # noqa: PLC0415  # takes longer than all else to show a setting

    file = settings_file.path()
    settings_file.values()
    document = tomlkit.parse(read_text(file) if file.exists() else _template())
    if isinstance(value, dict):
        document[key] = tomlkit.inline_table()
        document[key].update(value)
    elif value is not None:
        document[key] = value
    elif document.pop(key, None) is None:
        raise BadInputError(f"{file} has no {key} — `fleet settings list` shows what is set")
    return tomlkit.dumps(document)


def _write(text: str) -> None:
    """Have settings.toml be this text, unless that has a fault: then it raises SettingError."""
    file = settings_file.path()
    in_force.prepare_data_dir()
    new = file.with_name("settings.new.toml")
    new.touch(mode=0o600)
    set_mode(new, 0o600)
    try:
        new.write_text(text, encoding="utf-8")
        _refuse_faults(new)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def _refuse_faults(file: Path) -> None:
    from worker.doctor.installation import setting_faults  # noqa: PLC0415  # takes the doctor

    name, shown = str(file), str(settings_file.path())
    try:
        with fleet_environment.trying(file) as filled:
            faults = [each for each in setting_faults() if each.partition(" ")[0] in filled]
    except SettingError as error:
        raise SettingError(str(error).replace(name, shown)) from error
    if faults:
        raise SettingError("\n  ".join([f"{shown} stays as it was:", *faults]))


def _say_then(setting: Setting | None) -> None:
    """What is to be done for the file to hold."""
    if setting is not None and fleet_environment.source(setting) == "environment":
        say(f"{setting.name} is set in the environment, which wins over settings.toml.")
    elif is_up():
        say("`fleet reload` applies it to the running fleet.")
    else:
        say("It holds from the next `fleet up` on.")


def _template() -> str:
    """A new file: every setting as a comment."""
    lines = ["# The environment wins over these settings; `fleet reload` applies them."]
    stored = (each for each in SETTINGS if each.in_file)
    for group, members in groupby(stored, key=lambda each: each.group):
        lines += ["", f"# {group}"]
        for each in members:
            lines += ["", f"# {each.help}", f"# {each.type}; {each.default}", f"# {each.key} ="]
    return "\n".join(lines) + "\n"
