"""Imported by each program before all else: leaves out of its process what it has no use for.

peewee imports the driver of PostgreSQL wherever it is installed, which takes a tenth of a second
and 11 MiB in every process; a fleet on SQLite never calls it. redis imports its client for asyncio,
1.3 MiB that none of ours uses, and rq-dashboard imports arrow, 1.7 MiB for dates of few of its
pages. And a process that ends searches all that it has imported for garbage, twice, before it gives
the memory back: a sixth of the time of a program that only starts and ends.
"""

import atexit
import gc
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from threading import RLock

from db.settings import data_dir, run_dir

gc.set_threshold(10_000)  # of 700 objects, imports alone have it search a hundred times
atexit.register(gc.freeze)

_SUPERVISED = "--supervised"  # as worker.host.lifeline has it, which takes ctypes
_DRIVERS = ("psycopg", "psycopg2")

# The default of zoneinfo, which would import all that Python was built with to find it: 1 MiB.
os.environ.setdefault(
    "PYTHONTZPATH",
    "/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo",
)
_IS_OTHERS = bool(os.environ.get("FLEET_SUPERVISOR"))  # which gives secrets as files too
if _SUPERVISED in sys.argv or _IS_OTHERS:
    for _folder in (data_dir(),) if _IS_OTHERS else (run_dir(), data_dir()):
        if _IS_OTHERS or (_folder / "settings.toml").exists():
            from db.errors import SettingError
            from db.settings import settings_file

            try:
                settings_file.follow(_folder / settings_file.NAME)
            except SettingError as error:
                sys.exit(str(error))
            break


def _import_later(parent: str, name: str = "") -> None:
    """Have a package be run when something of it is used, and not when its importer imports it."""
    spec = PathFinder.find_spec(parent)
    if name:
        spec = spec and PathFinder.find_spec(f"{parent}.{name}", spec.submodule_search_locations)
    if not spec or not spec.loader or spec.name in sys.modules:
        return
    module, loader = module_from_spec(spec), spec.loader
    lock, begun = RLock(), False  # threads of the web UI may ask at once

    def load(attribute: str) -> object:
        nonlocal begun
        if attribute.startswith("__"):  # as the import system asks for some
            raise AttributeError(attribute)
        with lock:
            if not begun:
                begun = True
                loader.exec_module(module)
                del vars(module)["__getattr__"]
        try:
            return vars(module)[attribute]
        except KeyError:
            raise AttributeError(f"{module.__name__} has no {attribute}") from None

    vars(module)["__getattr__"] = load
    sys.modules[spec.name] = module


_import_later("redis", "asyncio")
_import_later("arrow")
if not os.environ.get("FLEET_DATABASE_URL", "").startswith("postgres"):
    for _name in _DRIVERS:
        sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # has its import fail
