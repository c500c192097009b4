"""What is installed, and whether its queues.toml is sound."""

import platform
from importlib.metadata import version

from worker.doctor.findings import Finding, Severity
from worker.errors import TopologyError
from worker.topology import Topology, load

_PACKAGES = ("musicfleet", "rq", "redis", "supervisor", "peewee", "mutagen", "pillow")


def versions() -> Finding:
    """Which versions run here."""
    installed = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return Finding("versions", Severity.OK, f"Python {platform.python_version()}, {installed}")


def topology() -> tuple[Topology | None, Finding]:
    """The topology as queues.toml says now; None when it has faults."""
    try:
        loaded = load()
    except TopologyError as error:
        remedy = "repair it, then run `fleet config check`"
        return None, Finding("topology", Severity.ERROR, str(error), remedy)
    return loaded, Finding("topology", Severity.OK, f"{loaded.path} has no fault")
