"""How much sooner backlogs are done with worker rebalancing; see `__main__`."""
