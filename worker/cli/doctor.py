"""`fleet doctor`: what is wrong, how bad it is, and how to mend it."""

import json
from collections.abc import Iterable, Sequence

import click

from worker.doctor import Finding, Mended, Severity, examine, mend
from worker.exit_codes import ExitCode

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
@click.option("--quick", is_flag=True, help="Leave out the picture store and its many files.")
@click.option("--fix", is_flag=True, help="Mend what is safe to mend, then look again.")
@click.option("-n", "--dry-run", is_flag=True, help="With --fix: only say what would be mended.")
@click.pass_context
def doctor(context: click.Context, as_json: bool, quick: bool, fix: bool, dry_run: bool) -> None:
    """Look for what is wrong, and say how to mend it.

    Looks at permissions, disk space, the database, its schema and ledger, the library's folders and
    the picture store, at Redis, queues and workers, at what supervisord runs and what is watched.
    Ends with 3 when there are only warnings, with 11 when there are errors.

    --fix does only what harms nothing at any time: closes what is open to others, migrates the
    database, makes missing indexes, writes needs into the ledger, deletes files of the picture
    store that have had no row for a day, sets the fleet's own Redis right, moves jobs out of queues
    that queues.toml does not know, starts what is down. It ends with what is left. With --json each
    fix is an object with `fix` and `done`.
    """
    if dry_run and not fix:
        raise click.UsageError("--dry-run goes with --fix")
    findings = list(examine(quick=quick))
    fixable = [each for each in findings if each.fix]
    if fix and dry_run:
        _announce(fixable, as_json)
    elif fixable and fix:
        for each in fixable:
            _report(mend(each), as_json)
        findings = list(examine(quick=quick))
    _show(findings, as_json)
    worst = {each.severity for each in findings}
    if Severity.ERROR in worst:
        context.exit(ExitCode.UNSOUND)
    if Severity.WARNING in worst:
        context.exit(ExitCode.PROBLEMS)


def _announce(fixable: Iterable[Finding], as_json: bool) -> None:
    """Say what would be mended."""
    for each in fixable:
        fix = each.fix.says if each.fix else ""
        if as_json:
            _print_json({"check": each.check, "fix": fix, "done": None})
        else:
            click.echo(f"would {each.check}: {fix}")


def _report(mended: Mended, as_json: bool) -> None:
    """Say how mending something went."""
    check, fix = mended.finding.check, mended.finding.fix
    says = fix.says if fix else ""
    if as_json:
        _print_json({"check": check, "fix": says, "done": mended.done, "says": mended.says})
    elif mended.done:
        click.echo(f"fixed {check}: {mended.says}")
    else:
        click.echo(f"FAILED {check}: could not {says}: {mended.says}")


def _show(findings: Sequence[Finding], as_json: bool) -> None:
    for severity, mark in _MARKS.items():
        for each in findings:
            if each.severity is not severity:
                continue
            if as_json:
                _print_json(each.as_json())
            else:
                remedy = f" — {each.remedy}" if each.remedy else ""
                click.echo(f"{mark} {each.check}: {each.says}{remedy}")
    if not as_json:
        _sum_up(findings)


def _sum_up(findings: Iterable[Finding]) -> None:
    """The last line, on stderr: how many, and how many of them can be mended by themselves."""
    wrong = [each for each in findings if each.severity is not Severity.OK]
    errors = sum(each.severity is Severity.ERROR for each in wrong)
    fixable = sum(each.fix is not None for each in wrong)
    if not wrong:
        click.echo("All is well.", err=True)
        return
    mends = f"; `fleet doctor --fix` mends {fixable} of them" if fixable else ""
    click.echo(f"Errors: {errors}, warnings: {len(wrong) - errors}{mends}.", err=True)


def _print_json(row: dict[str, object]) -> None:
    click.echo(json.dumps(row, ensure_ascii=False))
