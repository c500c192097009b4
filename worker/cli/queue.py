"""`fleet queue`: the queues and their jobs: list, pause, move, clear, retry, show, cancel."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

import click

from db.sql.connection import open_database
from db.sql.schema import check_schema
from worker import queues
from worker.cli import arguments
from worker.cli.output import (
    agreed,
    changes_something,
    print_json,
    print_line,
    print_queues,
    print_table,
    say,
)
from worker.errors import ExitCode
from worker.phrases import counted
from worker.queues import HELD, Outcome, Place
from worker.queues.contents import Listed, listed
from worker.status import overview

_SEARCH = click.option(
    "--search",
    metavar="TEXT",
    help="Jobs whose id, call or error has TEXT, or whose tracks, albums or artists are named so.",
)


@click.group()
def queue() -> None:
    """List, pause, resume, clear or retry queues, or move their jobs.

    Commands that change something ask first, or take --yes. --dry-run shows what they would do.
    """


@queue.command(
    "list",
    epilog="""\b
Examples:
  fleet queue list extract insert
  fleet queue list --json | jq '.queues[] | select(.paused)'
""",
)
@click.argument("names", nargs=-1, metavar="[QUEUE]...", shell_complete=arguments.queues)
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
  fleet queue pause deferred_covers --yes
  fleet queue pause --all --yes             nothing is begun any more, such as for the night
""",
)
@click.argument("name", metavar="[QUEUE]", required=False, shell_complete=arguments.queues)
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
@click.argument("name", metavar="[QUEUE]", required=False, shell_complete=arguments.queues)
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
@click.argument("source", metavar="FROM", shell_complete=arguments.queues)
@click.argument("target", metavar="TO", shell_complete=arguments.queues)
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
  fleet queue retry deferred_covers --search "Hounds of Love"
""",
)
@click.argument("name", metavar="QUEUE", shell_complete=arguments.queues)
@_SEARCH
@changes_something
@click.pass_context
def retry(context: click.Context, name: str, search: str | None, yes: bool, dry_run: bool) -> None:
    """Enqueue the failed jobs of QUEUE again, with all their retries, or those that fit a text.

    They go to the queues that take them today. Jobs that no queue takes stay failed and are
    listed; it ends with 3 then. What the ledger counts as failed: `fleet enqueue KIND --failed`.
    """
    from worker.queues import jobs  # noqa: PLC0415  # it brings RQ, which lists do without

    words = _Words(
        does="Retry",
        did="Retried",
        source=name,
        what=f"of {name}",
        remedy="what stays is forgotten a month after it failed",
    )
    if not dry_run or search:
        _open()
    transfer = partial(jobs.retry, name, among=_failed_ids(name, search) if search else None)
    context.exit(_settle(transfer, words, yes=yes, dry_run=dry_run))


@queue.command(
    epilog="""\b
Examples:
  fleet queue forget deferred_covers --search "no such file" --dry-run
""",
)
@click.argument("name", metavar="QUEUE", shell_complete=arguments.queues)
@_SEARCH
@changes_something
def forget(name: str, search: str | None, yes: bool, dry_run: bool) -> None:
    """Forget the failed jobs of QUEUE, or those that fit a text. The ledger keeps what failed."""
    from worker.queues.admin import drop_failed  # noqa: PLC0415  # as above

    _open()
    queues.required(name)
    ids = _failed_ids(name, search) if search else None
    count = queues.sizes([name])[name][Place.FAILED] if ids is None else len(ids)
    what = f"{counted(count, 'failed job')} of {name}"
    if dry_run:
        print_line(f"Would forget {what}")
    elif count and agreed(f"Forget {what}?", yes):
        print_line(f"Forgot {counted(drop_failed(name, ids), 'failed job')} of {name}")


@queue.command(
    "jobs",
    epilog="""\b
Examples:
  fleet queue jobs audio_analysis --state failed --search "Hounds of Love" --json
""",
)
@click.argument("name", metavar="QUEUE", shell_complete=arguments.queues)
@click.option("--state", type=click.Choice([each.value for each in Listed]), default="waiting")
@_SEARCH
@click.option("-n", "--lines", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For machines: an object with a version.")
def list_jobs(name: str, state: str, search: str | None, lines: int, as_json: bool) -> None:
    """List jobs of QUEUE in one state, or those of them that fit a text."""
    from worker.queues import jobs  # noqa: PLC0415  # it brings RQ, which lists do without

    _open()
    queues.required(name)
    which = Listed(state)
    found = jobs.find(name, which, search)[:lines] if search else listed(name, which, 0, lines)
    if as_json:
        print_json({"version": 1, "jobs": [each._asdict() for each in found]})
        return
    rows = ([each.id, each.description, each.error] for each in found)
    print_table([["job", "call", "error"], *rows])


def _failed_ids(name: str, search: str) -> list[str]:
    from worker.queues import jobs  # noqa: PLC0415  # as above

    return [each.id for each in jobs.find(name, Listed.FAILED, search)]


@queue.command(
    epilog="""\b
Examples:
  fleet queue show 5f0c8a86-7d3c-4b2e-9f53-0d6f7f1c9a11 --json
""",
)
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="For machines: an object with a version.")
def show(job: str, as_json: bool) -> None:
    """Show the job of that id: what it works on, its attempts and how they ended."""
    from worker.queues import jobs  # noqa: PLC0415  # it brings RQ, which lists do without

    _open()
    found = jobs.sheet(job)
    if as_json:
        print_json({"version": 1, "job": found.as_json()})
        return
    print_line(f"{found.name} {found.id} in {found.queue}: {found.state}")
    if found.says:
        print_line(found.says)
    for item in found.items:
        print_line(f"  {item.entity_type} {item.entity_id}  {item.name}")
    if found.more_items:
        print_line(f"  and {found.more_items:,} more")
    print_line(f"Arguments: {found.arguments}")
    for each in found.attempts:
        when = " to ".join(f"{at.astimezone():%H:%M:%S}" for at in (each.began, each.ended) if at)
        print_line(f"{when or 'no time'} {each.worker}: {each.outcome} {each.reason}".rstrip())
    if found.result:
        print_line(f"Result: {found.result}")


@queue.command(
    epilog="""\b
Examples:
  fleet queue cancel 5f0c8a86-7d3c-4b2e-9f53-0d6f7f1c9a11
""",
)
@click.argument("job")
@changes_something
def cancel(job: str, yes: bool, dry_run: bool) -> None:
    """Cancel the job of that id, whether it waits or runs; one of a scan ends its scan.

    What it was to do is `cancelled` until somebody asks for it: `fleet enqueue KIND --cancelled`.
    """
    from worker.queues import jobs  # noqa: PLC0415  # it brings RQ, which lists do without

    _open()
    found = jobs.sheet(job)
    what = f"{found.name} {found.id}, which is {found.state}"
    what += f", and its scan {found.scan}" if found.scan else ""
    if dry_run:
        print_line(f"Would cancel {what}")
    elif agreed(f"Cancel {what}?", yes):
        print_line(jobs.cancel(job))


@queue.command(
    epilog="""\b
Examples:
  fleet queue clear deferred_covers --dry-run
  fleet queue clear old_covers --yes
""",
)
@click.argument("name", metavar="QUEUE", shell_complete=arguments.queues)
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


def _open() -> None:
    open_database()
    check_schema()


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
    print_line(f"{did} {counted(outcome.done.total(), 'job')} {words.what}", err=err)
    for line in outcome.lines(words.source, words.remedy):
        print_line(line, err=err)


def _sorts(counts: Counter[Place]) -> str:
    """How many jobs of each sort, in words."""
    sorts = ", ".join(f"{counts[place]:,} {place}" for place in HELD if counts[place])
    return f"{counted(counts.total(), 'job')} ({sorts or 'none left'})"
