"""Orders for the workers of a fleet under test: stop here, hang there. See `stops`."""

import json
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.waiting import until

"""Seconds after which a test gives up waiting for what is to happen."""


class Halted(NamedTuple):
    """The process that has come to the point where it was to halt."""

    pid: int
    parent: int
    job: str
    """The id of the job that it is at."""


class Order:
    """One order that was given."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self._number = number

    def halted(self) -> Halted:
        """Wait until a process halts."""
        file = self._folder / f"halted-{self._number}.json"
        until(file.exists, "a process that comes to that point", every=0.005)
        return Halted(**json.loads(file.read_text()))

    def release(self) -> None:
        """Let the halted process go on, if it lives."""
        (self._folder / f"released-{self._number}.json").touch()


class Orders:
    """Gives orders through a folder that the fleet's processes look into."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._numbers = count(1)

    def give(
        self,
        point: str,
        job: str,
        *,
        act: str = "halt",
        nth: int = 1,
        item: int | str | None = None,
        again: bool = False,
    ) -> Order:
        """Have the first process that comes to `point` in `job` do `act`.

        `nth`: at its nth commit. `item`: only in a job that has this id in its list, or this text
        in its arguments. `again`: every such process, not only the first.
        """
        number = next(self._numbers)
        draft = self.folder / f"draft-{number}"
        order = {"point": point, "job": job, "act": act, "nth": nth, "item": item, "again": again}
        draft.write_text(json.dumps(order))
        draft.rename(self.folder / f"order-{number}.json")
        return Order(self.folder, number)

    def withdraw(self) -> None:
        """Forget all orders that nobody has carried out."""
        for file in self.folder.glob("order-*.json"):
            file.unlink(missing_ok=True)
