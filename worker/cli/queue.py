"""`fleet queue`: list the queues, and pause, clear, retry or move one."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import NamedTuple

import click

from worker import queues
from worker.cli import completion
from worker.cli.output import agreed, changes_something, print_json, print_line, print_queues, say
from worker.errors import ExitCode
from worker.phrases import counted
from worker.queues import HELD, Outcome, Place
from worker.status import overview

_SHOWN_IDS = 20


@click.group()
def queue() -> None:
    """List, pause, resume, clear or retry queues, or move their jobs.

    Commands that change something ask first, or take --yes. --dry-run shows what they would do.
    """


@queue.command(
    "list",
    epilog="""\b
Examples:
  fleet queue list
  fleet queue list extract insert
  fleet queue list --json | jq '.queues[] | select(.paused)'
""",
)
@click.argument("names", nargs=-1, metavar="[QUEUE]...", shell_complete=completion.queues)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_queues(names: tuple[str, ...], as_json: bool) -> None:
    """List the queues of queues.toml, and others that hold jobs.

    For each queue: the numbers of waiting, running, failed and later jobs (scheduled or deferred),
    how long the first job has waited, whether the queue is paused, how many jobs the recovery put
    back after a process died (recovered), and the live workers that consume it. With --json also
    what its jobs do.
    """
    for name in names:
        queues.required(name)
    found = overview.queue_statuses(names) if names else overview.queues()
    if as_json:
        print_json({"queues": [asdict(each) for each in found]})
        return
    print_queues(found)


@queue.command(
    epilog="""\b
Examples:
  fleet queue pause deferred_covers
  fleet queue pause deferred_covers --yes
  fleet queue pause --all --yes             nothing is begun any more, such as for the night
""",
)
@click.argument("name", metavar="[QUEUE]", required=False, shell_complete=completion.queues)
@click.option("--all", "every", is_flag=True, help="Pause all queues.")
@changes_something
def pause(name: str | None, every: bool, yes: bool, dry_run: bool) -> None:
    """Stop workers from taking jobs of QUEUE until it is resumed, or of all queues.

    The queue still accepts jobs, and running jobs finish. Other queues are not affected.
    """
    _require_one(name, every)
    if name is None:
        open_ones = [each for each in queues.declared() if each not in queues.paused()]
        _of_all("Pause", open_ones, queues.pause_all, yes=yes, dry_run=dry_run)
        return
    queues.required(name, queues.declared())
    waiting = queues.sizes([name])[name][Place.WAITING]
    if name in queues.paused():
        queues.pause(name)  # for good, where it only rests
        say(f"{name} is paused already.")
    elif dry_run:
        print_line(f"Would pause {name}, in which {counted(waiting, 'job waits', 'jobs wait')}")
    elif agreed(f"Pause {name}, in which {counted(waiting, 'job waits', 'jobs wait')}?", yes):
        queues.pause(name)
        print_line(f"Paused {name}; `fleet queue resume {name}` resumes it")


@queue.command(
    epilog="""\b
Examples:
  fleet queue resume deferred_covers
  fleet queue resume --all --yes
""",
)
@click.argument("name", metavar="[QUEUE]", required=False, shell_complete=completion.queues)
@click.option("--all", "every", is_flag=True, help="Resume all queues.")
@changes_something
def resume(name: str | None, every: bool, yes: bool, dry_run: bool) -> None:
    """Let workers take jobs of QUEUE again, or of all queues."""
    _require_one(name, every)
    paused = queues.paused()
    if name is None:
        _of_all(
            "Resume",
            sorted(paused - queues.resting().keys()),
            queues.resume_all,
            yes=yes,
            dry_run=dry_run,
        )
        return
    queues.required(name, {*queues.declared(), *paused})
    waiting = queues.sizes([name])[name][Place.WAITING]
    if name not in paused:
        say(f"{name} is not paused.")
    elif dry_run:
        print_line(f"Would resume {name}, in which {counted(waiting, 'job waits', 'jobs wait')}")
    elif agreed(f"Resume {name}, in which {counted(waiting, 'job waits', 'jobs wait')}?", yes):
        queues.resume(name)
        print_line(f"Resumed {name}")


@queue.command(
    epilog="""\b
Examples:
  fleet queue move old_covers deferred_covers --dry-run
  fleet queue move old_covers deferred_covers
""",
)
@click.argument("source", metavar="FROM", shell_complete=completion.queues)
@click.argument("target", metavar="TO", shell_complete=completion.queues)
@changes_something
@click.pass_context
def move(context: click.Context, source: str, target: str, yes: bool, dry_run: bool) -> None:
    """Move the jobs of FROM that queues.toml routes to TO.

    FROM may be a queue that queues.toml does not know any more. Waiting, scheduled and deferred
    jobs go behind those that TO has, in their order, with its timeout and retries. Jobs that are
    routed elsewhere, or nowhere, stay and are listed; it ends with 3 then.
    """
    words = _Words(
        does="Move",
        did="Moved",
        source=source,
        what=f"from {source} to {target}",
        remedy=f"`fleet queue clear {source}` deletes what stays",
    )
    transfer = partial(queues.move, source, target)
    context.exit(_settle(transfer, words, yes=yes, dry_run=dry_run))


@queue.command(
    epilog="""\b
Examples:
  fleet queue retry deferred_covers --dry-run
  fleet queue retry deferred_covers --yes
""",
)
@click.argument("name", metavar="QUEUE", shell_complete=completion.queues)
@changes_something
@click.pass_context
def retry(context: click.Context, name: str, yes: bool, dry_run: bool) -> None:
    """Enqueue the failed jobs of QUEUE again, with all their retries.

    They go to the queues that take them today. Jobs that no queue takes stay failed and are
    listed; it ends with 3 then. What the ledger counts as failed: `fleet enqueue KIND --failed`.
    """
    words = _Words(
        does="Retry",
        did="Retried",
        source=name,
        what=f"of {name}",
        remedy="what stays is forgotten a month after it failed",
    )
    context.exit(_settle(partial(queues.retry, name), words, yes=yes, dry_run=dry_run))


@queue.command(
    epilog="""\b
Examples:
  fleet queue clear deferred_covers --dry-run
  fleet queue clear old_covers --yes
""",
)
@click.argument("name", metavar="QUEUE", shell_complete=completion.queues)
@changes_something
def clear(name: str, yes: bool, dry_run: bool) -> None:
    """Delete the waiting, scheduled and deferred jobs of QUEUE.

    The ledger in the database records what the library still needs, and the job
    maintenance.reconcile enqueues that again within a minute. Running and failed jobs stay.
    """
    counts = queues.clear(name, dry_run=True)
    if not counts.total():
        say(f"{name} holds no job that has still to run.")
        return
    if dry_run:
        print_line(f"Would delete {_sorts(counts)} of {name}")
    elif agreed(f"Delete {_sorts(counts)} of {name}?", yes):
        print_line(f"Deleted {_sorts(queues.clear(name))} of {name}")
        say("maintenance.reconcile enqueues again what the library still needs.")


def _require_one(name: str | None, every: bool) -> None:
    """Raise click.UsageError unless either a queue is named or all are meant."""
    if (name is None) != every:
        raise click.UsageError("Name one QUEUE, or write --all.")


def _of_all(
    does: str, names: Sequence[str], change: Callable[[], list[str]], *, yes: bool, dry_run: bool
) -> None:
    """Pause or resume all queues."""
    listed = ", ".join(names)
    if not names:
        say(f"Nothing to {does.lower()}.")
    elif dry_run:
        print_line(f"Would {does.lower()} {listed}")
    elif agreed(f"{does} {listed}?", yes):
        print_line(f"{does.rstrip('e')}ed {', '.join(change())}")


class _Words(NamedTuple):
    """The wording of a transfer."""

    does: str
    did: str
    source: str
    what: str
    remedy: str
    """What becomes of jobs that stay."""


def _settle(
    transfer: Callable[..., Outcome], words: _Words, *, yes: bool, dry_run: bool
) -> ExitCode:
    """Show what a transfer would do, ask, do it, and report the outcome."""
    if dry_run or not yes:
        planned = transfer(dry_run=True)
        _report(planned, f"Would {words.does.lower()}", words, err=not dry_run)
        count = planned.done.total()
        question = f"{words.does} {counted(count, 'job')} {words.what}?"
        if dry_run or not count or not agreed(question, yes):
            return ExitCode.OK if planned.is_clean else ExitCode.PROBLEMS
    outcome = transfer()
    _report(outcome, words.did, words, err=False)
    return ExitCode.OK if outcome.is_clean else ExitCode.PROBLEMS


def _report(outcome: Outcome, did: str, words: _Words, *, err: bool) -> None:
    lines = [f"{did} {counted(outcome.done.total(), 'job')} {words.what}"]
    lines += [f"  {count:,} {route.job} to {route.queue}" for route, count in outcome.done.items()]
    if outcome.kept:
        lines.append(f"{counted(outcome.kept.total(), 'job stays', 'jobs stay')}:")
    for route, count in outcome.kept.items():
        away = f"`fleet queue move {words.source} {route.queue}` takes it where it goes today"
        lines.append(f"  {count:,} {route.job} — {away if route.queue else 'no queue takes it'}")
    if outcome.unreadable:
        lines.append(f"{counted(len(outcome.unreadable), 'job')} cannot be read:")
    for job_id, fault in islice(outcome.unreadable.items(), _SHOWN_IDS):
        lines.append(f"  {job_id[:80]!r} — {fault}")
    if len(outcome.unreadable) > _SHOWN_IDS:
        lines.append(f"  … and {len(outcome.unreadable) - _SHOWN_IDS:,} more")
    if not outcome.is_clean:
        lines.append(f"({words.remedy})")
    for line in lines:
        print_line(line, err=err)


def _sorts(counts: Counter[Place]) -> str:
    """How many jobs of each sort, in words."""
    sorts = ", ".join(f"{counts[place]:,} {place}" for place in HELD if counts[place])
    return f"{counted(counts.total(), 'job')} ({sorts or 'none left'})"
