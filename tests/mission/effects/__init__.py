"""What each job is to do, by stage; importing this fills `tests.mission.cases.CASES`."""

from tests.mission.effects import covers, enrichment, publishing, scanning, sound, upkeep

__all__ = ["covers", "enrichment", "publishing", "scanning", "sound", "upkeep"]
