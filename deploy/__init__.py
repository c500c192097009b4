"""The fleet in the forms of others: Docker Compose, systemd and Kubernetes, from queues.toml."""
