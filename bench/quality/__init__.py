"""How right the answers are: tags, covers, tempo and key, similar tracks, clusters."""
