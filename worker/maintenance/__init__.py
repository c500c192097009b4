"""What a maintenance job changes in the running fleet: worker rebalancing."""
