"""The doctor: each finding appears when it should, and goes when it was repaired."""
