"""The fleet: topology, dispatch, worker processes, supervision and the command line."""

__version__ = "0.1.0"
