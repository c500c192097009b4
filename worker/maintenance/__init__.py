"""What maintenance jobs do with the fleet's processes and queues."""
