"""Progress of a scan, and of what follows, in the terminal: bars, or a line every few seconds."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from db import ledger
from db.models import EntityType, Kind, State
from worker.cli.output import print_line, say
from worker.phrases import counted, time_span
from worker.status.scan_progress import Stage
from worker.status.stages import Stage as FleetStage
from worker.status.stages import long_work, stages
from worker.supervisor import web_address
from worker.supervisor.rpc import processes

Show = Callable[[Sequence[Stage]], None]
_LINE_EVERY = 5.0


@contextmanager
def show_progress() -> Iterator[Show]:
    """A function that shows the stages as they are now."""
    if sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield _Lines()


@contextmanager
def _bars() -> Iterator[Show]:
    from rich.console import Console  # noqa: PLC0415  # only a terminal needs it
    from rich.progress import (  # noqa: PLC0415  # as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    speed = TextColumn("{task.fields[speed]}", markup=False)
    columns = (
        TextColumn("{task.description:>10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        speed,
    )
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}
        meter = _Speed()

        def show(stages: Sequence[Stage]) -> None:
            for stage in stages:
                if stage.name not in tasks:
                    tasks[stage.name] = bars.add_task(stage.name, total=None, speed="")
                bars.update(
                    tasks[stage.name],
                    completed=stage.done,
                    total=stage.total,
                    speed=f"{meter.of(stage):,.0f}/s",
                )

        yield show


class _Lines:
    """A line every few seconds, and whenever a stage is done."""

    def __init__(self) -> None:
        self._said_at = float("-inf")
        self._complete: set[str] = set()
        self._speed = _Speed()

    def __call__(self, stages: Sequence[Stage]) -> None:
        complete = {stage.name for stage in stages if stage.total and stage.done >= stage.total}
        now = time.monotonic()
        if complete <= self._complete and now - self._said_at < _LINE_EVERY:
            return
        self._said_at, self._complete = now, self._complete | complete
        parts = (f"{stage.name} {_of(stage)} ({self._speed.of(stage):,.0f}/s)" for stage in stages)
        say("; ".join(parts))


class _Speed:
    """Things a second of each stage, from its first to its latest step forward."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, int]] = {}
        self._latest: dict[str, tuple[float, int]] = {}

    def of(self, stage: Stage) -> float:
        now = time.monotonic()
        self._begun.setdefault(stage.name, (now, stage.done))
        if self._latest.get(stage.name, (now, -1))[1] != stage.done:
            self._latest[stage.name] = (now, stage.done)
        (begun, first), (latest, done) = self._begun[stage.name], self._latest[stage.name]
        return max(0, done - first) / (latest - begun) if latest > begun else 0.0


def _of(stage: Stage) -> str:
    return f"{stage.done}" if stage.total is None else f"{stage.done}/{stage.total}"


_POLL_SECONDS = 1.0
_LONG_LINE_EVERY = 30.0


def wait_for_all() -> None:
    """Wait until the fleet has nothing left to do, or is stopped, with a line from time to time.

    Queues that are paused or rest are not waited for: a line says what they hold.
    """
    said = ""
    due = 0.0
    while left := _left():
        if all(each.queue.paused for each in left):
            say(f"Not waited for, as it is paused or rests: {_named(left)}.")
            return
        text = f"Left to do: {_named(left)}."
        if text != said and time.monotonic() >= due:
            say(text)
            said, due = text, time.monotonic() + _LONG_LINE_EVERY
        time.sleep(_POLL_SECONDS)


def _left() -> list[FleetStage]:
    """The stages that have something to do; none when the fleet is not up."""
    present = processes()
    known = stages(present) if present else []
    return [each for each in known if each.queue.waiting + each.queue.running + each.to_do]


def _named(left: Sequence[FleetStage]) -> str:
    return "; ".join(f"{each.queue.name}, {_amount(each)}" for each in left)


def _amount(stage: FleetStage) -> str:
    count = stage.to_do or stage.queue.waiting + stage.queue.running
    pace = f", {stage.pace_text}" if stage.pace_text else ""
    return counted(count, "item" if stage.to_do else "job") + pace


def print_what_follows() -> None:
    """What is left after a scan: albums without a cover, the analysis, and where to see it all."""
    without = sum(
        states.total() - states[State.DONE]
        for need, states in ledger.counts().items()
        if (need.kind, need.entity_type) == (Kind.COVER, EntityType.ALBUM)
    )
    if without:
        print_line(
            f"  {counted(without, 'album')} without a cover: fleet ls albums --missing-cover"
        )
    for work in long_work():
        if work.kind == Kind.ANALYSIS and (left := work.tracks - work.settled):
            time_left = work.seconds_left and f", about {time_span(work.seconds_left)} left"
            print_line(f"  The analysis goes on: {counted(left, 'track')} to do{time_left or ''}")
    page = web_address.running()
    if page is not None and page.url:
        print_line(f"  Web UI: {page.url}")
