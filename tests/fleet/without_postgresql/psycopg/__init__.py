"""In place of the driver of PostgreSQL, which whoever uses SQLite need not have installed.

A fleet of the tests is without it: half the time that a process takes to start goes into it.
"""

raise ImportError("the fleets of the tests use SQLite")
