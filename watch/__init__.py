"""The watcher: receives file-system events of the library, and enqueues scans."""
