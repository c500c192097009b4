"""Providers: the web services that know covers and facts, and a client that is careful with them.

`web` speaks HTTP, `caller` asks a service within its limits, `answers` keeps what it answered. Each
provider of `db.settings.providers` has a module of its name here, behind an interface of
`provider`; `registry` opens those that the user turned on.
"""
