"""`fleet enqueue`: put a job, or what is left of a kind of work, in the queues that take it."""

import json
from collections import Counter
from typing import Any, NamedTuple

import click

from db import ledger
from db.models import Album, Artist, EntityType, Image, Kind, Scan, ScanChunk, State, Table, Track
from db.sql.connection import open_database, transaction
from db.sql.queries import slices, tuples
from db.sql.schema import check_schema
from worker import dispatch
from worker.cli import arguments
from worker.cli.arguments import entity_meant
from worker.cli.output import print_line, say
from worker.errors import BadInputError
from worker.phrases import did_you_mean, some, time_span
from worker.queues import jobs
from worker.status.stages import estimate
from worker.topology import call_faults, load


@click.command(
    epilog="""\b
Examples:
  fleet enqueue maintenance.cleanup_expired_tasks
  fleet enqueue covers.process_album_covers 'album_ids=[12, 13]' --again
  fleet enqueue covers --missing            every kind of work of the stage
  fleet enqueue cover --failed              one kind of work, for tracks and albums
  fleet enqueue covers.extract_embedded --all --dry-run
  fleet enqueue cover --failed --dry-run    how many failed, and why
  fleet enqueue cover --failed --reason "No such file" --cancel
""",
)
@click.argument("work", metavar="JOB|KIND|STAGE", shell_complete=arguments.jobs)
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--missing", "which", flag_value="missing", help="For entities whose work is to do.")
@click.option("--failed", "which", flag_value="failed", help="For entities whose work failed.")
@click.option("--cancelled", "which", flag_value="cancelled", help="For what was cancelled.")
@click.option("--all", "which", flag_value="all", help="For all entities, done or not.")
@click.option("--reason", metavar="TEXT", help="With --failed or --cancelled: for this reason.")
@click.option("--cancel", is_flag=True, help="Have what is meant cancelled, not enqueued.")
@click.option("--again", is_flag=True, help="For entities that are named and settled, too.")
@click.option(
    "-n", "--dry-run", is_flag=True, help="Show what the command would do, and change nothing."
)
def enqueue(  # noqa: PLR0913, PLR0917  # click passes each option by name
    work: str,
    arguments: tuple[str, ...],
    which: str | None,
    reason: str | None,
    cancel: bool,
    again: bool,
    dry_run: bool,
) -> None:
    """Enqueue a job in the queue that queues.toml routes it to, and print the job's id.

    A VALUE is JSON, or else text. Arguments that the job does not take, and ids that do not exist,
    are refused; of entities whose work is settled nothing is enqueued, except with --again. With
    --missing, --failed, --cancelled or --all the ledger supplies the
    entities, and the first argument may also be a kind of work (cover, picture) or a stage
    (covers). Work that found nothing is settled, so --missing leaves it out.
    """
    topology = load()
    if (reason is not None and which not in ledger.STATES) or (cancel and not which):
        raise click.UsageError(
            "--reason is for --failed and --cancelled, and --cancel for what the ledger supplies"
        )
    if which and (arguments or again):
        raise click.UsageError(
            f"--{which} takes the ids from the ledger: leave out the arguments, and --again"
        )
    if which:
        choice = _Choice(ledger.Which(which), reason)
        if cancel:
            _cancel(_needs(work), choice, dry_run)
        else:
            _from_ledger(_needs(work), choice, dry_run)
        return
    if work not in topology.routes and _named(work):
        raise click.UsageError(
            f"{work} is a kind of work or a stage: add --missing, --failed, --cancelled or --all"
        )
    queue = topology.route(work)
    call = _arguments(arguments)
    if faults := call_faults(work, call):
        raise click.UsageError("; ".join(f"{each.reason} — {each.remedy}" for each in faults))
    prepared = prepare(work, call, again=again, dry_run=dry_run)
    for remark in prepared.remarks:
        say(remark)
    if not prepared.is_needed:
        return
    if dry_run:
        print_line(f"Would enqueue {work} in {queue.name} with {json.dumps(call)}")
    else:
        print_line(dispatch.enqueue(work, **call))


@click.command(
    epilog="""\b
Examples:
  fleet lookup Homogenic
  fleet lookup artist:12 --pictures
  fleet lookup "Björk - Jóga"
""",
)
@click.argument("entity", shell_complete=arguments.entities)
@click.option("--pictures", "only", flag_value=Kind.REMOTE.value, help="Only for pictures.")
@click.option("--facts", "only", flag_value=Kind.ENRICHMENT.value, help="Only for facts.")
def lookup(entity: str, only: str | None) -> None:
    """Ask the web again about an album, artist or track; what it answered before does not count.

    ENTITY is a name, "ARTIST - TITLE", a path, or album:ID, artist:ID, track:ID. The providers that
    are on are asked for pictures and facts by jobs, whose ids are printed. `fleet show ENTITY` has
    what came of it.
    """
    open_database()
    check_schema()
    kind, row_id = entity_meant(entity)
    for job_id in jobs.ask_the_web(kind, row_id, [Kind(only)] if only else tuple(Kind)):
        print_line(job_id)


_SETTLED = (State.DONE, State.NONE, State.FAILED, State.QUARANTINED, State.CANCELLED)
_ENTITIES: dict[str, type[Table]] = {
    "track_id": Track,
    "album_id": Album,
    "artist_id": Artist,
    "scan_id": Scan,
    "chunk_id": ScanChunk,
}
"""What the argument of that name, or its plural, names by id."""
_LARGEST_ID = 2**63 - 1


class Prepared(NamedTuple):
    """Whether a job has anything to do, and what people are to know of that."""

    is_needed: bool
    remarks: list[str]


def prepare(work: str, call: dict[str, Any], *, again: bool, dry_run: bool) -> Prepared:
    """Have the ledger ask for the entities that a call names.

    Raises click.UsageError for what are no ids, and BadInputError for ids of nothing.
    """
    named = {name: _ids_of(name, value) for name, value in call.items() if _entity(name)}
    needs = [(need, ids) for need in ledger.NEEDS if (ids := _ids_for(need, work, named))]
    if again and not needs:
        raise click.UsageError(f"--again is for jobs that settle needs, and {work} does not")
    if not named and "digest" not in call and "entity_type" not in call:
        return Prepared(True, [])
    open_database()
    check_schema()
    _refuse_unknown_things(call)
    for name, ids in named.items():
        _refuse_unknown(name, ids)
    if named and not any(named.values()):
        return Prepared(False, ["Nothing to do: no entity is named."])
    asked = [_ask(need, ids, again=again, dry_run=dry_run) for need, ids in needs]
    remarks = [remark for _, remark in asked if remark]
    return Prepared(any(left for left, _ in asked) or not needs, remarks)


def _entity(argument: str) -> type[Table] | None:
    return _ENTITIES.get(argument.removesuffix("s"))


def _ids_of(name: str, value: Any) -> list[int]:
    """The ids that an argument holds."""
    several = name.endswith("s")
    ids = value if several else [value]
    if value is None or (isinstance(ids, list) and all(type(each) is int for each in ids)):
        return [] if value is None else list(ids)
    example = f"'{name}=[1, 2]'" if several else f"{name}=1"
    raise click.UsageError(f"{name} is {json.dumps(value)}: write {example}")


def _ids_for(need: ledger.Need, work: str, named: dict[str, list[int]]) -> list[int]:
    """The entities whose need this call settles; a job for one entity does it by that for many."""
    if need.job == work:
        return named.get(need.argument, [])
    return named.get(f"{need.entity_type}_id", []) if need.job == f"{work}_batch" else []


def _refuse_unknown(name: str, ids: list[int]) -> None:
    entity: Any = _entity(name)
    if entity is None:  # no job names such an entity by id
        return
    known = {
        entity_id
        for part in slices([each for each in ids if 0 < each <= _LARGEST_ID])
        for (entity_id,) in tuples(entity.select(entity.id).where(entity.id.in_(list(part))))
    }
    unknown = [str(each) for each in ids if each not in known]
    if unknown:
        what = name.removesuffix("s").removesuffix("_id")
        raise BadInputError(f"there is no {what} {some(unknown)} — name ids that the library has")


def _refuse_unknown_things(call: dict[str, Any]) -> None:
    """Raise BadInputError for a type, an entity of a type, or a picture that is not there."""
    kind, digest = call.get("entity_type"), call.get("digest")
    if kind is not None and kind not in set(EntityType):
        raise BadInputError(f"there is no type {kind!r} — {did_you_mean(str(kind), EntityType)}")
    if kind is not None and "entity_id" in call:
        _refuse_unknown(f"{kind}_id", _ids_of("entity_id", call["entity_id"]))
    if digest is not None and Image.get_or_none(Image.digest == digest) is None:
        raise BadInputError(f"there is no picture {digest!r} — `fleet cover why` names pictures")


def _ask(need: ledger.Need, ids: list[int], *, again: bool, dry_run: bool) -> tuple[int, str]:
    """Have the ledger ask for those that it does not ask for; how many there are to do.

    The text says how many are settled.
    """
    states = ledger.states_among(need, ids)
    settled = [each for each in ids if states.get(each) in _SETTLED]
    waiting = {None, State.WAITING}
    asked = ids if again else [each for each in ids if states.get(each) in waiting]
    if not dry_run:
        with transaction():
            ledger.need(need.kind, need.entity_type, asked)
    remark = ""
    if settled and not again:
        counts = Counter(states[each] for each in settled)
        how = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        of = _many(len(ids), need.entity_type)
        nothing = "Nothing to do: " if len(settled) == len(ids) else ""
        remark = f"{nothing}{len(settled):,} of {of} settled ({how}); --again does that once more."
    return (len(ids) if again else len(ids) - len(settled)), remark


def _named(work: str) -> list[ledger.Need]:
    """The needs of that job, kind or stage, in the order in which they are best worked on."""
    return [
        need for need in ledger.NEEDS if work in {need.job, need.kind, need.job.partition(".")[0]}
    ]


def _needs(work: str) -> list[ledger.Need]:
    """As `_named`. Raises UnknownJobError or BadInputError when there is none."""
    needs = _named(work)
    if needs:
        return needs
    names = {name for need in ledger.NEEDS for name in (need.kind.value, need.job)}
    names |= {need.job.partition(".")[0] for need in ledger.NEEDS}
    if work in load().routes:
        raise BadInputError(f"{work} has no rows in the ledger — these have: {_listed(names)}")
    raise BadInputError(
        f"there is no job, kind or stage {work!r} in the ledger — {did_you_mean(work, names)}"
    )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


class _Choice(NamedTuple):
    """Which entities are meant, and for which reason only; None: for any."""

    which: ledger.Which
    reason: str | None

    def ids(self, need: ledger.Need, *, dry_run: bool) -> list[int]:
        """The entities; unless in a dry run, the ledger asks for them afterwards."""
        return ledger.ask_again(need, self.which, reason=self.reason, dry_run=dry_run)


def _cancel(needs: list[ledger.Need], choice: _Choice, dry_run: bool) -> None:
    """Have the ledger not ask any more for what is meant, and print how many."""
    open_database()
    check_schema()
    for need in needs:
        if ids := choice.ids(need, dry_run=True):
            count = len(ids) if dry_run else ledger.cancel(need, ids)
            did = "Would cancel" if dry_run else "Cancelled"
            print_line(f"{did} {need.kind} of {_many(count, need.entity_type)}")


def _from_ledger(needs: list[ledger.Need], choice: _Choice, dry_run: bool) -> None:
    """Reset the ledger rows that are meant, enqueue their jobs, and print how many."""
    open_database()
    check_schema()
    total = 0
    for need in needs:
        ids = choice.ids(need, dry_run=dry_run)
        total += len(ids)
        jobs = len(need.batches(ids))
        counts = f"{need.job}: {_many(len(ids), need.entity_type)} in {_many(jobs, 'job')}"
        if dry_run:
            seconds = estimate(need, jobs) if jobs else None
            about = "" if seconds is None else f", about {time_span(seconds)}"
            print_line(f"Would enqueue {counts}{about}")
            for why, count in ledger.reasons(need, ledger.STATES.get(choice.which, ())):
                print_line(f"  {count:,}  {why or 'without a reason'}")
            continue
        for job_id in dispatch.enqueue_need(need, ids):
            print_line(job_id)
        say(counts)
    if not total:
        say(f"Nothing to do: the ledger has nothing for --{choice.which}.")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _arguments(texts: tuple[str, ...]) -> dict[str, Any]:
    arguments = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.UsageError(f"{text!r} is no argument: write NAME=VALUE")
        try:
            arguments[name] = json.loads(value)
        except json.JSONDecodeError:
            arguments[name] = value
    return arguments
