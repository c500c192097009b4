"""Having the workers that go on read queues.toml anew."""

import time
from collections.abc import Iterable
from typing import Any
from xmlrpc.client import Fault

from worker.supervisor.readiness import not_ready
from worker.supervisor.rpc import ProcessInfo, processes

_PATIENCE = 5
_LISTENS_AFTER = 0.5
"""Seconds from its registration until a worker listens, many times over."""


def tell_to_reread(rpc: Any, names: Iterable[str]) -> None:  # XML-RPC has no types
    """Tell the processes of these names; one that does not run reads it at its start."""
    for name in names:
        try:
            rpc.signalProcess(name, "HUP")
        except Fault:
            continue


def tell_the_young_again(rpc: Any, told: Iterable[ProcessInfo]) -> None:
    """Tell those again that were only starting when they were told, and perhaps did not listen.

    They may have read queues.toml before it was edited. One that is not registered after some
    seconds does not start, and will read it when it does.
    """
    young = {each.name for each in told if each.state == "STARTING"}
    deadline = time.monotonic() + _PATIENCE
    while not_ready([each for each in processes() if each.name in young]):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if young:
        time.sleep(_LISTENS_AFTER)
        tell_to_reread(rpc, young)
