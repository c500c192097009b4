"""supervisord.conf, rendered from a topology for an instance."""

from collections.abc import Iterator, Mapping

from worker.supervisor.instance import Instance
from worker.topology import Program, Topology

LOG_SIZE = "5MB"
OLDER_LOGS = 2
REDIS_STOP = 30
SCHEDULER_STOP = 10
"""Seconds that a program is given to end."""

_Settings = Mapping[str, str | int]


def render(topology: Topology, instance: Instance) -> str:
    """The text of a supervisord.conf that runs the whole fleet."""
    comment = "".join(f"; {line}".rstrip() + "\n" for line in instance.header.splitlines())
    sections = "".join(_section(*each) for each in _sections(topology, instance))
    return comment + sections


def _section(name: str, settings: _Settings) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    return f"\n[{name}]\n{lines}"


def _sections(topology: Topology, instance: Instance) -> Iterator[tuple[str, _Settings]]:
    socket = f"{instance.run_dir}/supervisor.sock"
    yield "unix_http_server", {"file": socket, "chmod": "0700"}
    yield "supervisorctl", {"serverurl": f"unix://{socket}"}
    yield (
        "rpcinterface:supervisor",
        {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
    )
    yield "supervisord", _supervisord(topology, instance)
    if instance.embedded_redis:
        redis = _command(instance, "worker.valkey")
        yield "program:redis", _program(instance, redis, 10, REDIS_STOP)
    for program in topology.programs.values():
        yield f"program:{program.name}", _workers(instance, program)
    scheduler = _command(instance, "worker.scheduler")
    yield "program:scheduler", _program(instance, scheduler, 200, SCHEDULER_STOP)


def _supervisord(topology: Topology, instance: Instance) -> _Settings:
    environment = {
        "FLEET_DATA_DIR": instance.data_dir,
        "FLEET_QUEUES": instance.queues,
        # By this `fleet up` sees that a fleet runs as an earlier queues.toml said.
        "FLEET_TOPOLOGY": topology.digest,
        # A process forked from one that has used such a library's threads hangs for good.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
    }
    if instance.embedded_redis:
        environment["FLEET_REDIS_URL"] = ""
    return {
        "identifier": "musicfleet",
        "directory": instance.run_dir,
        "pidfile": f"{instance.run_dir}/supervisord.pid",
        "logfile": f"{instance.run_dir}/supervisord.log",
        "logfile_maxbytes": LOG_SIZE,
        "logfile_backups": OLDER_LOGS,
        "umask": "077",
        "environment": ",".join(f'{name}="{value}"' for name, value in environment.items()),
    }


def _workers(instance: Instance, program: Program) -> _Settings:
    arguments = f"worker.process {program.name} %(process_num)d --queues {','.join(program.queues)}"
    settings = _program(instance, _command(instance, arguments), 100, program.stop)
    name = "%(program_name)s-%(process_num)d"
    return {
        **settings,
        "process_name": name,
        "numprocs": program.processes,
        "numprocs_start": 1,
        "stdout_logfile": f"{instance.run_dir}/{name}.log",
    }


def _command(instance: Instance, module: str) -> str:
    return f'"{instance.python}" -m {module}'


def _program(instance: Instance, command: str, priority: int, stop: int) -> _Settings:
    return {
        "command": command,
        "directory": instance.folder,
        "umask": "077",
        "priority": priority,
        "autorestart": "true",
        "startsecs": 5,
        "startretries": 10,
        "stopsignal": "TERM",
        "stopwaitsecs": stop,
        "stopasgroup": "false",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": f"{instance.run_dir}/%(program_name)s.log",
        "stdout_logfile_maxbytes": LOG_SIZE,
        "stdout_logfile_backups": OLDER_LOGS,
    }
