"""`fleet doctor` and `fleet notify`: faults and how to repair them, and messages to the owner."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from db.maintenance import notices
from db.models import Notice
from db.settings import settings_file
from db.sql.connection import open_database
from db.sql.schema import check_schema
from worker.cli.output import print_json, print_line, print_table, say
from worker.doctor import Finding, Severity
from worker.doctor.examination import Repair, examine, repair
from worker.doctor.notices import send_test
from worker.errors import ExitCode
from worker.supervisor import fleet_environment
from worker.supervisor.rpc import is_up

_MARKS = {Severity.ERROR: "ERROR", Severity.WARNING: "warn ", Severity.OK: "ok   "}
"""Also the order: what is wrong comes first."""


@click.command(
    epilog="""\b
Examples:
  fleet doctor
  fleet doctor --quick
  fleet doctor --fix --dry-run
  fleet doctor --fix
  fleet doctor --json | jq '.findings[] | select(.severity != "ok")'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--quick", is_flag=True, help="Skip what goes through all files, the ledger and Redis."
)
@click.option("--fix", is_flag=True, help="Repair what is safe to repair, then check again.")
@click.option("-n", "--dry-run", is_flag=True, help="With --fix: only show what it would repair.")
@click.pass_context
def doctor(context: click.Context, as_json: bool, quick: bool, fix: bool, dry_run: bool) -> None:
    """Find faults, and show how to repair them.

    Checks permissions, disk space, the database, its schema and ledger, the library's folders, the
    picture store, Redis, queues, workers, the programs of supervisord, and the watched folders.
    Ends with 3 when there are only warnings, with 11 when there are errors.

    --fix repairs only what is safe to repair at any time. It revokes access of other users,
    migrates the database, makes missing indexes, writes missing needs into the ledger, deletes
    files of the picture store that have had no row for a day, corrects settings of the fleet's own
    Redis, moves jobs out of queues that queues.toml does not declare, and starts processes that are
    down. Then it checks again. With --json each fix is an object with `fix` and `done`.
    """
    if dry_run and not fix:
        raise click.UsageError("--dry-run goes with --fix")
    findings = list(examine(quick=quick))
    fixable = [each for each in findings if each.fix] if fix else []
    fixes = []
    for each in fixable:
        done = None if dry_run else repair(each)
        fixes.append(_as_json(each, done))
        if not as_json:
            print_line(_line(each, done))
    if fixable and not dry_run:
        findings = list(examine(quick=quick))
    if as_json:
        ordered = sorted(findings, key=lambda each: list(_MARKS).index(each.severity))
        print_json({"findings": [each.as_json() for each in ordered], "fixes": fixes})
    else:
        _show(findings)
    worst = {each.severity for each in findings}
    if Severity.ERROR in worst:
        context.exit(ExitCode.UNSOUND)
    if Severity.WARNING in worst:
        context.exit(ExitCode.PROBLEMS)


def _as_json(finding: Finding, done: Repair | None) -> dict[str, object]:
    """A fix, and how it went; None: it was not tried."""
    fix = finding.fix.says if finding.fix else ""
    outcome = {"done": None} if done is None else {"done": done.done, "says": done.says}
    return {"check": finding.check, "fix": fix, **outcome}


def _line(finding: Finding, done: Repair | None) -> str:
    fix = finding.fix.says if finding.fix else ""
    if done is None:
        return f"would {finding.check}: {fix}"
    if done.done:
        return f"fixed {finding.check}: {done.says}"
    return f"FAILED {finding.check}: could not {fix}: {done.says}"


def _show(findings: Sequence[Finding]) -> None:
    for severity, mark in _MARKS.items():
        for each in findings:
            if each.severity is severity:
                remedy = f" — {each.remedy}" if each.remedy else ""
                print_line(f"{mark} {each.check}: {each.says}{remedy}")
    _sum_up(findings)


def _sum_up(findings: Iterable[Finding]) -> None:
    """The last line, on stderr: how many, and how many of them `--fix` repairs."""
    wrong = [each for each in findings if each.severity is not Severity.OK]
    errors = sum(each.severity is Severity.ERROR for each in wrong)
    fixable = sum(each.fix is not None for each in wrong)
    if not wrong:
        say("All is well.")
        return
    mends = f"; `fleet doctor --fix` repairs {fixable} of them" if fixable else ""
    say(f"Errors: {errors}, warnings: {len(wrong) - errors}{mends}.")


_MOST = 50


@click.group()
def notify() -> None:
    """List the messages to you, or send a test message.

    The setting `notify` says which services send them.
    """


@notify.command(
    "test",
    epilog="""\b
Examples:
  fleet settings set notify ntfy://ntfy.sh/TOPIC
  fleet notify test
""",
)
def test() -> None:
    """Send a test message now, by every service of the setting `notify`.

    It goes by settings.toml as it is saved, whether or not the fleet has taken it yet.
    """
    with fleet_environment.trying(settings_file.path()):
        sent = send_test()
    print_line("the message was sent")
    if is_up() and fleet_environment.is_edited():
        say("The fleet's own messages go by the edited settings.toml after `fleet reload`.")
    if sent.fault:
        say(f"Not by every service: {sent.fault}")


@notify.command(
    "list",
    epilog="""\b
Examples:
  fleet notify list
  fleet notify list --json | jq '.notices[] | select(.sent == null)'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times are UTC.")
def list_notices(as_json: bool) -> None:
    """List the newest notices, and whether a message of each was sent."""
    open_database()
    check_schema()
    found = notices.latest(_MOST)
    if as_json:
        print_json({"notices": [_json(each) for each in found]})
        return
    print_table([["since", "about", "what", "message"], *map(_row, found)])
    if not notices.are_wanted():
        say("Messages are off: `fleet settings set notify URL` turns them on.")


def _row(each: Notice) -> list[str]:
    return [f"{each.since:%Y-%m-%d %H:%M}", each.about, each.text, notices.outcome(each)]


def _json(each: Notice) -> dict[str, object]:
    return {
        "about": each.about,
        "text": each.text,
        "remedy": each.remedy,
        "since": _iso(each.since),
        "ended": _iso(each.ended_at),
        "sent": _iso(each.sent_at),
        "attempts": each.attempts,
        "fault": each.fault,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
