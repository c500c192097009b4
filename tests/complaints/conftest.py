"""A library that is scanned as a whole, and a web that providers are asked on."""

from tests.pipeline.conftest import library, scan
from tests.providers.conftest import server, turn_on

__all__ = ["library", "scan", "server", "turn_on"]
