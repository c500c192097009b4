"""What is measured on: a library that is made, and the rows of one that was never there."""
