"""What was measured: kept as a file of `bench/results`, and drawn."""
