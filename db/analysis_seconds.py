"""How much of a track is analysed: the setting FLEET_ANALYSIS_SECONDS."""

from db.errors import SettingError
from db.settings import value

SHORTEST, LONGEST = 60.0, 120.0
TURNED_OFF = "analysis is turned off (FLEET_ANALYSIS_SECONDS)"
"""The ledger's reason for tracks that were not analysed because of that."""


def is_off() -> bool:
    """Whether nothing is to be heard."""
    return value("FLEET_ANALYSIS_SECONDS").lower() == "off"


def analysis_seconds() -> float:
    """Seconds of the excerpt. Raises SettingError for what is no number from 60 to 120.

    Ask `is_off` first.
    """
    text = value("FLEET_ANALYSIS_SECONDS")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SHORTEST <= seconds <= LONGEST:
        raise SettingError(
            f"FLEET_ANALYSIS_SECONDS is {text!r} — write a number of seconds from "
            f"{SHORTEST:g} to {LONGEST:g}, or off, or leave it unset for 90"
        )
    return seconds


def check() -> None:
    """Raise SettingError when the setting has a fault."""
    if not is_off():
        analysis_seconds()
