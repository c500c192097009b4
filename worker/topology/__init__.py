"""The topology of queues.toml: loading it, checking it, and routing jobs.

`load` returns a sound `Topology` or raises `TopologyError` with every fault there is.
"""

from worker.topology.model import Execution, Host, Program, Queue, Schedule, Slot, Start, Topology
from worker.topology.queues_toml import call_faults, job_says, load, queues_file

__all__ = [
    "Execution",
    "Host",
    "Program",
    "Queue",
    "Schedule",
    "Slot",
    "Start",
    "Topology",
    "call_faults",
    "job_says",
    "load",
    "queues_file",
]
