"""The state of the fleet for people: queues and workers, running scans, long work."""
