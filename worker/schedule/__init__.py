"""The scheduler and the schedules of queues.toml."""

SCHEDULES = "--schedules"
"""The argument of a recovery that meets the schedules too."""
