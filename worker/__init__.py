"""The fleet: topology, dispatch, worker processes, supervision and the command line."""

import os

from db.settings import redis_key

__version__ = "0.1.0"

os.environ["RQ_KEY_PREFIX"] = redis_key("rq")
"""What RQ's own keys begin with: RQ reads it when it is imported, which is after this."""
