"""Schedules, maintenance runs, backups, integrity, reports, and the removal of what is gone."""
