"""The `fleet` command: which commands there are, and how each error ends.

A command is a click command in a file of this folder and a row of COMMANDS. Its file is imported
only when it is called, so it may import what it likes. It writes results to stdout and talk to
stderr, lets every `WorkerError` pass, and ends with a code by `context.exit(ExitCode.…)`.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from db.errors import AccountError, DatabaseError, NoVectorError, ServerError, SettingError
from worker import __version__
from worker.cli.output import print_error, print_line, say
from worker.errors import ExitCode, TopologyError, WorkerError
from worker.phrases import did_you_mean


class Row(NamedTuple):
    """Where a command is (module of this package, attribute) and the line that the help shows."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "up": Row("control", "up", "Start the fleet."),
    "down": Row("control", "down", "Stop the fleet."),
    "reload": Row("control", "reload", "Apply an edited queues.toml to the running fleet."),
    "scale": Row("control", "scale", "Change the number of processes of a program."),
    "scan": Row("scan", "scan", "Add folders of music to the library, or update them."),
    "status": Row("status", "status", "Show queues, workers and the progress of the work."),
    "ls": Row("library", "ls", "List albums, artists, tracks or problems."),
    "show": Row("library", "show", "Show what is known of an album, artist or track."),
    "stats": Row("report", "stats", "Show how much there is, and in which formats."),
    "report": Row("report", "report", "Show the daily health report."),
    "history": Row("report", "history", "Show how queues, library and memory were over time."),
    "problems": Row("report", "problems", "List files that musicfleet could not use, and why."),
    "missing-tags": Row("report", "missing_tags", "List albums whose tracks lack tags."),
    "root": Row("root", "root", "List, add, move or forget folders of music."),
    "watch": Row("status", "watch", "Show which folders musicfleet watches, and how."),
    "web": Row("status", "web", "Show the address of the web UI, or serve it."),
    "cover": Row("cover", "cover", "Set a cover, or explain the one that is shown."),
    "tempo": Row("tempo", "tempo", "Show the tempo of a track, or correct it."),
    "differences": Row(
        "tempo", "differences", "List tracks of which others say another tempo or key."
    ),
    "lookup": Row("enqueue", "lookup", "Ask the web again about an album, artist or track."),
    "similar": Row("similarity", "similar", "List the tracks most similar to one."),
    "path": Row("similarity", "path", "List a playlist that leads from one track to another."),
    "cluster": Row("similarity", "cluster", "List clusters of similar music, or export playlists."),
    "export": Row("export", "export", "Write covers, tags, playlists and tables to files."),
    "server": Row("server", "server", "Push playlists to Navidrome, Jellyfin and their like."),
    "enqueue": Row("enqueue", "enqueue", "Enqueue a job."),
    "queue": Row("queue", "queue", "List, pause, move, clear, retry or cancel jobs."),
    "schedule": Row("schedule", "schedule", "List the schedules, or run one now."),
    "simulate": Row(
        "simulate", "simulate_command", "Say how long a library would take, and where it waits."
    ),
    "doctor": Row("doctor", "doctor", "Find faults, and show how to repair them."),
    "backup": Row("backup", "backup", "Write all that musicfleet keeps into one file."),
    "restore": Row("backup", "restore", "Put back what a backup holds."),
    "db": Row("backup", "db", "Copy the library into another database."),
    "logs": Row("control", "logs", "Show the log of a program."),
    "import": Row("imports", "import_", "Bring plays, stars and playlists from elsewhere."),
    "user": Row("user", "user", "List, add and remove users of players, and make their keys."),
    "notify": Row("doctor", "notify", "Show the messages to you, or send a test message."),
    "settings": Row("settings", "settings", "Show, change and check the settings."),
    "service": Row("config", "service", "Have systemd start the fleet at boot."),
    "config": Row("config", "config", "Check, render and show the topology in queues.toml."),
}
"""Every command, in the order of the help."""
_WITHOUT_SETTINGS = {"settings", "doctor", "config", "service", "down", "logs"}
"""Commands that a faulty settings.toml does not keep from their work."""

_EPILOG = """\b
Examples:
  fleet up
  fleet logs covers --follow
  fleet down

\b
Exit codes:
{codes}

\b
Shell completion, here for bash (also zsh and fish):
  eval "$(_FLEET_COMPLETE=bash_source fleet)"
"""


class Fleet(click.Group):
    """The group of all commands; a command is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name. A wrong name is a usage error with the nearest ones."""
        row = COMMANDS.get(cmd_name)
        if row is None:
            if not cmd_name.startswith("-"):
                ctx.fail(f"there is no command {cmd_name!r}: {did_you_mean(cmd_name, COMMANDS)}")
            return None
        command = getattr(import_module(f"worker.cli.{row.module}"), row.attribute)
        assert isinstance(command, click.Command)  # noqa: S101  # a test opens every row
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, from the table, and the options."""
        commands = [
            CompletionItem(name, help=row.help)
            for name, row in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, and until it has ended the settings that hold for it."""
        from worker.supervisor.fleet_environment import in_force  # noqa: PLC0415  # no help needs it

        ctx.with_resource(in_force(whatever=args[0] in _WITHOUT_SETTINGS))
        if os.environ.get("FLEET_HOST"):
            from worker import dispatch  # noqa: PLC0415  # one host alone need not know its folders

            with suppress(TopologyError):  # which the command reports, if it needs one
                dispatch.topology()
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what goes wrong becomes one line and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.UsageError, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click handles them
        except Exception as error:
            if ctx.params["debug"]:
                import traceback  # noqa: PLC0415  # nearly nobody wants one

                for line in traceback.format_exc().splitlines():
                    say(f"  {line}")
            raise explained(error) from error


@click.group(
    cls=Fleet,
    epilog=_EPILOG.format(codes="\n".join(f"  {code:>3}  {code.meaning}" for code in ExitCode)),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="musicfleet %(version)s")
@click.option("--debug", is_flag=True, envvar="FLEET_DEBUG", help="Show where an error comes from.")
def fleet(debug: bool) -> None:  # `Fleet.invoke` reads it
    """Keep a music library complete: RQ workers under supervisord, described in queues.toml."""


class ExplainedError(Exception):
    """The message of an error for the user, and the exit code."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def explained(error: Exception) -> ExplainedError:
    """The line and the exit code for an error."""
    match error:
        case WorkerError():
            return ExplainedError(str(error), error.exit_code)
        case SettingError() | NoVectorError() | AccountError() | ServerError():
            return ExplainedError(str(error), ExitCode.BAD_INPUT)
        case DatabaseError():
            return ExplainedError(str(error), ExitCode.DATABASE)
        case OSError(strerror=str(reason)):
            file = "" if error.filename is None else f"{error.filename}: "
            remedy = "check the path, its permissions and the space on its disk"
            return ExplainedError(f"{file}{reason} — {remedy}", ExitCode.FILES)
    return _from_library(error)


def _from_library(error: Exception) -> ExplainedError:
    """Errors of Redis and the database in the middle of their use, and unforeseen ones."""
    kind, text = type(error), (str(error).splitlines() or [""])[0]
    package = kind.__module__.partition(".")[0]
    if package == "redis":
        return ExplainedError(
            f"Redis went away: {text} — see `fleet logs redis`, or check FLEET_REDIS_URL",
            ExitCode.REDIS_UNREACHABLE,
        )
    if package in {"peewee", "sqlite3", "psycopg"}:
        from db.sql.connection import refuse_locked  # noqa: PLC0415  # most commands end well

        try:
            refuse_locked(error)
        except DatabaseError as locked:
            return explained(locked)
        return ExplainedError(
            f"the database: {text} — check its disk's space, or FLEET_DATABASE_URL",
            ExitCode.DATABASE,
        )
    return ExplainedError(
        f"{kind.__name__}: {text} — a fault of musicfleet; `fleet --debug …` shows where",
        ExitCode.UNFORESEEN,
    )


def run(arguments: Sequence[str] | None = None) -> int:
    """Run `fleet` with these arguments (default: the process's own) and return the exit code.

    An error is one line on stderr: `fleet: what is wrong — what to do`.
    """
    _open_streams()
    try:
        code = fleet.main(arguments, prog_name="fleet", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        for line in error.format_message().splitlines():
            print_line(line)
        _say_first_step()
        return ExitCode.USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "fleet"
        say(f"fleet: {error.format_message()} — see `{path} --help`")
        return ExitCode.USAGE
    except ExplainedError as error:
        print_error(f"fleet: {error}")
        return error.exit_code
    except click.Abort:
        say("fleet: interrupted")
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.OK


def _say_first_step() -> None:
    """While nothing is scanned, say below the help how that begins."""
    from worker.maintenance.roots import first_step  # noqa: PLC0415  # no other help needs it
    from worker.supervisor.fleet_environment import in_force  # noqa: PLC0415  # as above

    try:
        with in_force(whatever=True):
            if says := first_step():
                print_line()
                print_line(says)
    except Exception as error:  # noqa: BLE001  # whatever it is, the help was shown
        print_error(f"fleet: {explained(error)}")


def _open_streams() -> None:
    """Have a standard stream that the caller closed lead nowhere.

    Else the next file that is opened gets its number, and what is printed is written into that.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115  # for as long as this process lives
