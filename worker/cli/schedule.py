"""`fleet schedule`: the schedules, their times, and the outcome of their last runs."""

import click

from db.sql.connection import open_database
from db.sql.schema import check_schema
from worker.cli import arguments
from worker.cli.output import print_json, print_line, print_table, say
from worker.schedule import ScheduleStatus, run_now, statuses
from worker.supervisor.rpc import is_up
from worker.topology import load


@click.group()
def schedule() -> None:
    """List the schedules of queues.toml, or run one now.

    Their times are in the local time of this machine.
    """


@schedule.command(
    "list",
    epilog="""\b
Examples:
  fleet schedule list
  fleet schedule list --json | jq '.schedules[] | select(.outcome | startswith("failed"))'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times are UTC.")
def list_schedules(as_json: bool) -> None:
    """List the schedules: job, times, last run and its outcome, and next run.

    For runs that were due while the fleet was down, the scheduler enqueues one when it is up again.
    """
    _open()
    found = statuses()
    if as_json:
        print_json({"schedules": [each.as_json() for each in found]})
        return
    print_table([["schedule", "job", "cron", "last", "outcome", "next"], *map(_row, found)])
    if not is_up():
        say("The fleet is not up: `fleet up` starts it and its scheduler.")


@schedule.command(
    epilog="""\b
Examples:
  fleet schedule run cleanup_expired_tasks
""",
)
@click.argument("name", metavar="SCHEDULE", shell_complete=arguments.schedules)
def run(name: str) -> None:
    """Enqueue the job of SCHEDULE now, unless it waits or runs already.

    This does not change the schedule's times.
    """
    _open()
    job_id = run_now(name)
    job = load().schedules[name].job
    if job_id is None:
        say(f"{job} waits or runs already, so it was not enqueued again.")
    else:
        print_line(f"{job} was enqueued: {job_id}")


def _open() -> None:
    load()
    open_database()
    check_schema()


def _row(each: ScheduleStatus) -> list[str]:
    return [each.name, each.job, each.cron, each.last_text, each.outcome, each.next_text]
