"""Recovery: puts the jobs of dead processes back into their queues within a moment.

supervisord runs it as an event listener, `python -m worker.recovery`, and reports every exit to it.
It also polls the processes of its own host, and the heartbeats of the other hosts.
"""
