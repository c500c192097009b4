"""`fleet doctor`: what is wrong, and how to mend it."""

import json

import click

from worker.doctor import examine
from worker.exit_codes import ExitCode


@click.command(
    epilog="""\b
Examples:
  fleet doctor
  fleet doctor --json | jq 'select(.well | not)'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look for what is wrong, and say how to mend it.

    Checks Redis, its eviction policy and append-only file, the database and its schema, queues
    that nobody consumes or that wait too long, sockets' modes, the library's folders and versions.
    Ends with 3 when something is wrong.
    """
    findings = []
    for finding in examine():
        findings.append(finding)
        if as_json:
            click.echo(json.dumps(finding._asdict(), ensure_ascii=False))
        else:
            mark = "ok " if finding.well else "BAD"
            remedy = f" — {finding.remedy}" if finding.remedy else ""
            click.echo(f"{mark} {finding.check}: {finding.says}{remedy}")
    if not all(finding.well for finding in findings):
        context.exit(ExitCode.PROBLEMS)
