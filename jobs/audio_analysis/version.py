"""The version of the extractor."""

EXTRACTOR = 2
"""Raised with every change that makes other features of the same sound: what an older one found is
then analysed again."""
