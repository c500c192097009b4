"""Enrichment: identifies entities by ids or a strict match, and fetches facts on them.

`album_identity`, `track_identity` and `artist_identity` find an entity of MusicBrainz and say why
it is that one; `musicbrainz_facts` makes facts of what is known of it; `batch` writes them and
settles the needs; `backlog` says what comes next. The jobs are `metadata.enrich_batch` and those of
`worker_deferred_enrichment`.
"""
