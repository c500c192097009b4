"""Scans by three hosts that share one Redis and one PostgreSQL on a fourth."""
