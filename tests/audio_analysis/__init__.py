"""What is heard in synthesised sound is what was played."""
