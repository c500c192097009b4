"""What providers on the web say of tracks, albums and artists, and what is still to be asked."""
