"""`fleet doctor`: faults, their severity, and how to repair them."""

from collections.abc import Iterable, Sequence

import click

from worker.cli.output import print_json, print_line, say
from worker.doctor.examination import Repair, examine, repair
from worker.doctor.findings import Finding, Severity
from worker.errors import ExitCode

_MARKS = {Severity.ERROR: "ERROR", Severity.WARNING: "warn ", Severity.OK: "ok   "}
"""Also the order: what is wrong comes first."""


@click.command(
    epilog="""\b
Examples:
  fleet doctor
  fleet doctor --quick
  fleet doctor --fix --dry-run
  fleet doctor --fix
  fleet doctor --json | jq 'select(.severity != "ok")'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
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
    fixable = [each for each in findings if each.fix]
    if fix and dry_run:
        _announce(fixable, as_json)
    elif fixable and fix:
        for each in fixable:
            _report(repair(each), as_json)
        findings = list(examine(quick=quick))
    _show(findings, as_json)
    worst = {each.severity for each in findings}
    if Severity.ERROR in worst:
        context.exit(ExitCode.UNSOUND)
    if Severity.WARNING in worst:
        context.exit(ExitCode.PROBLEMS)


def _announce(fixable: Iterable[Finding], as_json: bool) -> None:
    """Print what would be repaired."""
    for each in fixable:
        fix = each.fix.says if each.fix else ""
        if as_json:
            _print_json({"check": each.check, "fix": fix, "done": None})
        else:
            print_line(f"would {each.check}: {fix}")


def _report(repaired: Repair, as_json: bool) -> None:
    """Print the outcome of a repair."""
    check, fix = repaired.finding.check, repaired.finding.fix
    says = fix.says if fix else ""
    if as_json:
        _print_json({"check": check, "fix": says, "done": repaired.done, "says": repaired.says})
    elif repaired.done:
        print_line(f"fixed {check}: {repaired.says}")
    else:
        print_line(f"FAILED {check}: could not {says}: {repaired.says}")


def _show(findings: Sequence[Finding], as_json: bool) -> None:
    for severity, mark in _MARKS.items():
        for each in findings:
            if each.severity is not severity:
                continue
            if as_json:
                _print_json(each.as_json())
            else:
                remedy = f" — {each.remedy}" if each.remedy else ""
                print_line(f"{mark} {each.check}: {each.says}{remedy}")
    if not as_json:
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


def _print_json(row: dict[str, object]) -> None:
    print_json(row)
