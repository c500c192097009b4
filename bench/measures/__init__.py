"""What the fleet costs: a file a bench, each beside its peers where there are any."""
