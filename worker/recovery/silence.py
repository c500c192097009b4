"""Telling that a whole host is gone: its heartbeats stay the same, look after look.

No clock of another host is read. Looks are counted, and only those that follow each other
regularly: while Redis itself does not answer nobody can beat, and nobody is to be taken for dead.
"""

import time
from collections.abc import Mapping

LOOKS = 12
"""So many looks, one every five seconds, without a heartbeat."""
_REGULAR = 15.0
"""Seconds between two looks that follow each other."""


class Silence:
    """Remembers the heartbeats of each place."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self._looked = float("-inf")

    def look(self, beats: Mapping[str, int]) -> set[str]:
        """Take note of the heartbeats so far, and return the places that are silent."""
        if time.monotonic() - self._looked > _REGULAR:
            self.forget()
        self._looked = time.monotonic()
        for place, count in beats.items():
            before, looks = self._seen.get(place, (count, 0))
            self._seen[place] = (count, looks + 1 if before == count else 0)
        return {place for place in beats if self._seen[place][1] >= LOOKS}

    def forget(self) -> None:
        """Begin anew: what was seen is no measure."""
        self._seen.clear()
