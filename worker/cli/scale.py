"""`fleet scale` and `fleet reload`: change a running fleet, after a question."""

import click

from worker.cli import completion
from worker.cli.output import agreed, changes_something, print_line, print_table, say
from worker.maintenance.rebalance import refusal
from worker.status.stages import needless
from worker.supervisor import conf_file, fleet_environment
from worker.supervisor.plan import Change, process_counts, require_up
from worker.supervisor.rollout import apply
from worker.topology import load


def carry_out(change: Change, *, dry_run: bool, yes: bool) -> bool:
    """Show a change, ask where something that runs would be ended, and do it; whether it was done.

    Raises click.UsageError when there is nobody to ask.
    """
    for line in _described(change):
        print_line(line, err=not dry_run)
    if dry_run:
        return False
    ended = change.interrupted()
    question = f"End {', '.join(ended)}? Jobs at hand are finished or put back."
    if ended and not agreed(question, yes):
        return False
    apply(change, say)
    return True


def _described(change: Change) -> list[str]:
    parts = {"start": change.starts, "stop": change.stops, "restart": change.restarts}
    lines = [f"{verb:8} {', '.join(names)}" for verb, names in parts.items() if names]
    return lines or ["No process is started, stopped or restarted."]


@click.command(
    epilog="""\b
Examples:
  fleet scale                  how many processes each program has
  fleet scale covers 3
  fleet scale covers 1 --yes
""",
)
@click.argument("program", required=False, shell_complete=completion.programs)
@click.argument("count", required=False, type=click.IntRange(min=0))
@changes_something
def scale(program: str | None, count: int | None, yes: bool, dry_run: bool) -> None:
    """Set the number of worker processes of PROGRAM to COUNT.

    Starts or stops single processes, and asks before it ends one. The number holds until the next
    `fleet reload` or `fleet down`; write it into queues.toml to keep it. Until then worker
    rebalancing moves no process to or from PROGRAM, and the other programs start with the numbers
    of queues.toml. COUNT cannot be 0 when no other program consumes the same queues; `fleet queue
    pause` pauses a queue.
    """
    if program is None:
        _list()
    elif count is None:
        raise click.UsageError("Missing argument 'COUNT'.")
    else:
        change = Change.to_scale(program, count)
        if warning := needless(program, count):
            say(warning)
        if carry_out(change, dry_run=dry_run, yes=yes):
            print_line(
                f"{program} x{count} until the next `fleet reload`, or until the fleet is stopped; "
                f"queues.toml says x{load().programs[program].processes}.",
                err=True,
            )


def _list() -> None:
    topology = load()
    require_up()
    counts = process_counts(topology, conf_file.read())
    rows = [["program", "processes", "in queues.toml", "queues"]]
    for program in topology.programs.values():
        bounds = f" ({program.least} to {program.most})" if program.is_elastic else ""
        start = f", {program.shown_start}" if program.is_on_demand else ""
        said = f"{program.processes}{bounds}{start}"
        rows.append([program.name, str(counts[program.name]), said, " ".join(program.queues)])
    print_table(rows)
    if reason := refusal():
        say(f"Worker rebalancing can move nothing: {reason}")


@click.command(
    epilog="""\b
Examples:
  fleet reload --dry-run
  fleet reload
""",
)
@changes_something
def reload(yes: bool, dry_run: bool) -> None:
    """Apply an edited queues.toml or settings.toml to the running fleet.

    Starts, stops or restarts only the processes that the edit concerns, and asks before it ends
    one. The other workers keep running and reread queues.toml. This resets the numbers of processes
    that `fleet scale` or worker rebalancing changed to those of queues.toml.

    It changes nothing when one of the two has a fault, or when a queue that holds jobs would lose
    its last consumer.
    """
    for line in fleet_environment.differences():
        say(line)
    if carry_out(Change.to_reload(), dry_run=dry_run, yes=yes):
        say("The fleet runs by the present queues.toml and settings.")
