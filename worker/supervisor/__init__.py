"""supervisord: rendering its configuration, starting, querying, changing and stopping it."""
