"""The web UI: the gallery, scans, queues, rq-dashboard, health and metrics.

One Flask app. It reads the database and Redis; what it changes is a request for a thumbnail, and
what rq-dashboard's buttons and those of the queues do.
"""

import worker  # noqa: F401  # before rq-dashboard imports RQ: it says what RQ's keys begin with
