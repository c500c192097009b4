"""Processes of one machine: the locks between them, and their end with their parent."""
