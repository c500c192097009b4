"""Scans and their chunks, which files they take, and the problems that files have."""
