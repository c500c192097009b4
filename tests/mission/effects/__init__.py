"""What each job is to do, by stage; importing this fills `tests.mission.cases.CASES`."""

from tests.mission.effects import covers, enrichment, scanning, sound, upkeep

__all__ = ["covers", "enrichment", "scanning", "sound", "upkeep"]
