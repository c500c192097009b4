"""Recovery: what a dead process held is waiting in its queue again, within a moment.

supervisord runs it as an event listener, `python -m worker.recovery`, and reports every exit to it.
It also polls the processes of its own host, and the heartbeats of the other hosts.
"""
