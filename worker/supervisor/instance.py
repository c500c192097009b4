"""The parts of a supervisord.conf that depend on the machine.

The committed file is for the default instance and for any machine: its paths are relative to HOME
and to the file. Every other instance has a file of its own, with absolute paths.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from db import settings
from db.settings.declarations import PAGE, PLACES, SETTINGS, WATCHING
from worker.errors import BadInputError
from worker.redis import is_embedded
from worker.supervisor import watch_state, web_address
from worker.topology import Topology
from worker.topology.hosts import is_whole, this_host
from worker.topology.queues_toml import CHECKOUT

# " ;" and " #" start a comment even between quotes, % is expanded once or twice, and the rest
# would end or escape a quote.
_UNFIT = re.compile(r"""[;#%"'\\]""")


@dataclass(frozen=True)
class Instance:
    """Paths as they are written into supervisord.conf, where %(NAME)s is expanded."""

    data_dir: str
    queues: str
    python: str
    folder: str
    """The programs' working folder, where `python -m` finds the packages of a checkout."""
    embedded_redis: bool
    """Whether supervisord runs a Valkey."""
    redis_prefix: str
    """FLEET_REDIS_PREFIX; empty when there is none."""
    web: str
    """HOST:PORT where the web UI listens; empty when it is off."""
    watch: Mapping[str, str]
    """The FLEET_WATCH… settings; empty when no folder is watched."""
    settings: str
    """A short name for all other settings of the workers and the scheduler; empty for defaults."""
    web_settings: str
    """And for those of the web UI, which takes up all others as it runs."""
    header: str
    """The comment at the head of the file."""
    host: str = ""
    """FLEET_HOST; empty where one machine runs everything."""
    programs: tuple[str, ...] | None = None
    """The worker programs and parts that run here; None: all of them."""

    def runs(self, name: str) -> bool:
        """Whether this program or part of the fleet runs on this host."""
        return self.programs is None or name in self.programs

    @property
    def run_dir(self) -> str:
        """Where the sockets, process ids and logs are."""
        return f"{self.data_dir}/run"


COMMITTED = Instance(
    data_dir="%(ENV_HOME)s/.local/share/musicfleet",
    queues="%(here)s/queues.toml",
    python="%(here)s/.venv/bin/python",
    folder="%(here)s",
    embedded_redis=True,
    redis_prefix="",
    web=web_address.default().text,
    watch={},
    settings="",
    web_settings="",
    header="""\
Generated from queues.toml by `fleet config write`. Do not edit: `fleet config check` compares.

This is the default instance, the same on every machine: the data folder below HOME, the Python
in .venv beside this file, a Valkey of its own. FLEET_DATA_DIR, FLEET_QUEUES, FLEET_REDIS_URL and
FLEET_WEB are pinned below, so that whatever is exported where supervisord starts cannot make its
programs disagree with its paths. For any other instance use `fleet up`, which writes a file like
this one to its data folder. FLEET_DATABASE_URL and FLEET_WEB_PASSWORD are or may hold passwords,
and are taken from the environment.""",
)


def committed(topology: Topology) -> Instance:
    """The default instance with this queues.toml, or with a profile."""
    name = topology.path.name
    header = COMMITTED.header.replace("queues.toml", name, 1)
    return replace(COMMITTED, queues=f"%(here)s/{name}", header=header)


def this_instance(topology: Topology) -> Instance:
    """The instance that the settings describe. Raises BadInputError for unusable values."""
    page, host = web_address.configured(), this_host(topology)
    is_shared = bool(topology.hosts) or not is_whole(topology, host)
    if is_shared and is_embedded():
        raise BadInputError(
            f"this host runs {', '.join(host.programs)}, and a Redis of its own that no other host "
            "can use — set FLEET_REDIS_URL to the one of the whole fleet"
        )
    is_checkout = (CHECKOUT / "queues.toml").exists()
    data_dir = settings.data_dir()
    return Instance(
        data_dir=_literal(data_dir),
        queues=_literal(topology.path),
        python=_literal(Path(sys.executable)),
        folder=_literal(CHECKOUT if is_checkout else data_dir),
        embedded_redis=is_embedded(),
        redis_prefix=settings.redis_key("").removesuffix(":"),
        web=page.text if page else "",
        watch={name: _literal(text) for name, text in watch_state.environment().items()},
        settings=_digest({each.group for each in SETTINGS} - {PLACES, WATCHING, PAGE}),
        web_settings=_digest({PAGE}),
        header="Rewritten by `fleet up`, `fleet reload` and `fleet scale`. Do not edit.",
        host=host.name if topology.hosts else "",
        programs=host.programs if is_shared else None,
    )


def _digest(groups: Collection[str]) -> str:
    """A short name for the values of the settings of these groups; empty when none is set.

    Those that programs take up as they run are left out.
    """
    texts = {
        each.name: text
        for each in SETTINGS
        if each.group in groups and not each.live and (text := os.environ.get(each.name))
    }
    canonical = json.dumps(texts, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16] if texts else ""


def _literal(path: Path | str) -> str:
    text = str(path)
    if _UNFIT.search(text) or not text.isprintable():
        raise BadInputError(
            f"the path {text!r} cannot stand in supervisord.conf — "
            "use one without ; # % quotes, backslashes and control characters"
        )
    return text
