"""Scans and their chunks, the files that they cover, and the problems of files."""
