"""Covers from real files, over both databases."""
