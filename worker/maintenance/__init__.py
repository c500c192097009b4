"""Maintenance of processes and queues: rebalancing, health reports, expired jobs."""
