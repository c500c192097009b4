"""The web: who is asked for what the library lacks, and how that is done with care.

`web` speaks HTTP, `caller` to one service in its turn, `services` lists them, `opening` opens those
that the owner turned on. Each provider has a file of its own behind the interface `provider`.
"""
