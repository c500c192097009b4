"""Users, and what is theirs: see `db.models.users`."""
