"""Scans while the fleet is killed and its surroundings fail; see `__main__`."""
