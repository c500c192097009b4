"""A library that is scanned as a whole, and a web that providers are asked on."""

from tests.pipeline.conftest import library, nothing_is_analysed, scan
from tests.providers.conftest import server, turn_on

__all__ = ["library", "nothing_is_analysed", "scan", "server", "turn_on"]
