"""supervisord: the configuration it is given, and starting, asking and stopping it."""
