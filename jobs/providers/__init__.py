"""The web: who is asked for what the library lacks, and how that is done with care.

`web` speaks HTTP, `caller` asks a service within its limits, `answers` keeps what it answered. Each
provider of `db.settings.providers` has a module of its name here, behind an interface of
`provider`; `registry` opens those that the owner turned on.
"""
