"""Enrichment against a MusicBrainz of known answers: see `__main__`."""
