"""A scan during which something of the fleet is killed every second; see `__main__`."""
