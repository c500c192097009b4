"""Who is measured, ours, a bare loop and other programs, and what their processes cost."""
