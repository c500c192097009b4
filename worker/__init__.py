"""Who does it: topology, dispatch, the worker processes, supervision and the command line."""

__version__ = "0.1.0"
