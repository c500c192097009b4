"""Pictures: the picture store, and the thumbnails of what is stored.

Extraction and covers both use it.
"""
