"""The scheduler and the schedules of queues.toml."""
