"""Images, the files they come from, and the covers of tracks, albums and artists."""
