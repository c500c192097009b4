"""Recovery: what a dead process held is waiting in its queue again, within a moment.

Run by supervisord as an event listener, `python -m worker.recovery`: it hears of every exit. It
also looks at every process of its own host, and listens to the heartbeats of the other hosts.
"""
