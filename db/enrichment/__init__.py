"""Facts of providers on tracks, albums and artists, and the needs for more of them."""
