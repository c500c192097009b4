"""What compares: measurements that no test makes."""
