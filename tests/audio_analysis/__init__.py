"""The analysis of synthesised sound finds what was played."""
