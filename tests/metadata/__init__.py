"""Every tag family and container, read through `jobs.metadata.reader`."""
