"""What is written outside the data folder when asked, and taken away again."""
