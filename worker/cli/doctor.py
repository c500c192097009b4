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
