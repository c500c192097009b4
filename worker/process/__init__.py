"""The worker process: an RQ worker that loses no job and runs only the fleet's jobs."""
