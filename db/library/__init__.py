"""Tracks, albums, artists and genres: what the tags say, search, and pages of the web UI."""
