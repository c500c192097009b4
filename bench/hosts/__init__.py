"""Scans by hosts that share one Redis and one PostgreSQL on another."""
