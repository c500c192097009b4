"""The tests."""

from configparser import ConfigParser
from pathlib import Path

_SETUP = ConfigParser()
_SETUP.read(Path(__file__).parents[1] / "setup.cfg")
PACKAGES = _SETUP["options.packages.find"]["include"].replace("*", "").split()
"""The packages that are installed."""
