"""Redis: its address, the connection, the embedded Valkey, and which processes hold jobs."""
