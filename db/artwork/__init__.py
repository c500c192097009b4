"""Images, the files they come from, and which one each track, album or artist shows."""
