"""Progress of a scan in the terminal: bars, or a line every few seconds where there is none."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from worker.cli.output import say
from worker.status.scan_progress import Stage

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
