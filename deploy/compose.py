"""Docker Compose: one service a program, beside a Valkey and a PostgreSQL, for one machine.

Only the page has a port, and that on the machine's own address. Passwords come as files. The root
file system of each program is read-only, and so is the music; the data folder is a volume that all
share, so the slots, locks and settings of one machine hold as they do under supervisord.
Format: https://github.com/compose-spec/compose-spec
"""

from typing import Any

from deploy.programs import (
    ALIVE,
    DATA,
    MUSIC,
    PORT,
    QUEUES,
    Fleet,
    Health,
    Part,
    as_yaml,
    image,
    mebibytes,
)

_VALKEY, _POSTGRES = "valkey/valkey:9-alpine", "postgres:18-alpine"
_SECRETS = "/run/secrets"
_SHARES = 1024
"""What a service weighs to the kernel by default, of the cores that others want too."""
_STORE_STOP = "60s"
_NOTE = """\
#
# mkdir -m 700 secrets
# openssl rand -hex 24 >secrets/postgres_password
# echo "postgresql://fleet:$(cat secrets/postgres_password)@postgres/music" >secrets/database_url
# openssl rand -base64 12 >secrets/web_password
# MUSIC=~/Music docker compose up --build --detach
# docker compose exec web fleet scan /music
#
# The page: http://127.0.0.1:8310/, with the password in secrets/web_password. PUID and PGID are the
# user and group that read the music, by default 1000. `--profile watch` has folders watched.

"""
_HOST_NOTE = """\
#
# The programs of one host of several: secrets/database_url and secrets/redis_url name the
# PostgreSQL and the Redis that all hosts share.

"""


def files(fleet: Fleet) -> dict[str, str]:
    """The file by its name."""
    note = _HOST_NOTE if fleet.host else _NOTE
    return {"compose.yaml": f"{fleet.header}{note}{as_yaml(_project(fleet))}"}


def _project(fleet: Fleet) -> dict[str, Any]:
    is_whole = fleet.host is None
    stores = _stores() if is_whole else {}
    secrets = ["database_url", "web_password"]
    secrets.append("postgres_password" if is_whole else "redis_url")
    return {
        "name": "musicfleet",
        "services": stores | {each.name: _service(fleet, each) for each in fleet.parts},
        "networks": {"inner": {"internal": True}, "outer": {}} if is_whole else {"outer": {}},
        "volumes": {"data": {}} | {name: {} for name in stores},
        "configs": {"queues": {"file": f"../{fleet.topology.path.name}"}},
        "secrets": {name: {"file": f"./secrets/{name}"} for name in sorted(secrets)},
    }


def _stores() -> dict[str, dict[str, Any]]:
    common = {
        "restart": "unless-stopped",
        "stop_grace_period": _STORE_STOP,
        "networks": ["inner"],
        "security_opt": ["no-new-privileges:true"],
    }
    valkey = ["valkey-server", "--appendonly", "yes", "--appendfsync", "everysec"]
    return {
        "valkey": {
            "image": _VALKEY,
            "command": [*valkey, "--save", "", "--maxmemory-policy", "noeviction"],
            "volumes": ["valkey:/data"],
            "healthcheck": _check(["CMD", "valkey-cli", "ping"], 10),
            **common,
        },
        "postgres": {
            "image": _POSTGRES,
            "environment": {
                "POSTGRES_USER": "fleet",
                "POSTGRES_DB": "music",
                "POSTGRES_PASSWORD_FILE": f"{_SECRETS}/postgres_password",
            },
            "secrets": ["postgres_password"],
            "volumes": ["postgres:/var/lib/postgresql"],
            "shm_size": "128mb",
            "healthcheck": _check(["CMD", "pg_isready", "-U", "fleet", "-d", "music"], 10),
            **common,
        },
    }


def _check(test: list[str], seconds: int) -> dict[str, Any]:
    return {
        "test": test,
        "interval": f"{seconds}s",
        "timeout": "10s",
        "retries": 3,
        "start_period": "60s",
    }


def _service(fleet: Fleet, part: Part) -> dict[str, Any]:
    is_whole = fleet.host is None
    service: dict[str, Any] = {
        "image": image(),
        "build": {"context": ".."},
        "command": ["python", *part.command()],
        "environment": _environment(fleet, part),
        "user": "${PUID:-1000}:${PGID:-1000}",
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108  # of a container, which has its own
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "volumes": _volumes(fleet, part),
        "configs": [{"source": "queues", "target": QUEUES}],
        "secrets": _secrets(fleet, part),
        "networks": _networks(part, is_whole),
        "restart": "unless-stopped",
        "stop_grace_period": f"{part.stop}s",
        "cpu_shares": round(_SHARES * part.weight),
        "healthcheck": _health(part),
    }
    if is_whole:
        healthy = {"condition": "service_healthy"}
        service["depends_on"] = {"valkey": healthy, "postgres": healthy}
    if part.health is Health.PAGE:
        service["ports"] = [f"127.0.0.1:${{PORT:-{PORT}}}:{PORT}"]
    if part.is_optional:
        service["profiles"] = [part.name]
    return service | _deploy(part)


def _environment(fleet: Fleet, part: Part) -> dict[str, str]:
    environment = {
        "FLEET_SUPERVISOR": "compose",
        "FLEET_QUEUES": QUEUES,
        "FLEET_DATABASE_URL_FILE": f"{_SECRETS}/database_url",
        **fleet.own,
    }
    if fleet.host is None:
        environment["FLEET_REDIS_URL"] = "redis://valkey:6379/0"
    else:
        environment["FLEET_REDIS_URL_FILE"] = f"{_SECRETS}/redis_url"
    if part.health is Health.FILE:
        environment["ALIVE_FILE"] = ALIVE
    else:
        environment["FLEET_WEB"] = f"0.0.0.0:{PORT}"
        environment["FLEET_WEB_PASSWORD_FILE"] = f"{_SECRETS}/web_password"
    if part.is_optional:
        environment["FLEET_WATCH"] = "on"
    return environment


def _secrets(fleet: Fleet, part: Part) -> list[str]:
    secrets = ["database_url"] if fleet.host is None else ["database_url", "redis_url"]
    return [*secrets, "web_password"] if part.health is Health.PAGE else secrets


def _volumes(fleet: Fleet, part: Part) -> list[str]:
    if not part.needs_music:
        return [f"data:{DATA}"]
    folders = [f"{each}:{each}:ro" for each in fleet.folders]
    return [f"data:{DATA}", *(folders or [f"${{MUSIC:?name the folder of your music}}:{MUSIC}:ro"])]


def _networks(part: Part, is_whole: bool) -> list[str]:
    if not is_whole:
        return ["outer"]
    return ["inner", "outer"] if part.reaches_out else ["inner"]


def _health(part: Part) -> dict[str, Any]:
    return _check(["CMD", "bash", "-c", part.health.value.replace("$", "$$")], 60)


def _deploy(part: Part) -> dict[str, Any]:
    """How many containers there are, and what each may use."""
    deploy: dict[str, Any] = {}
    if part.processes > 1:
        deploy["replicas"] = part.processes
    if part.memory:
        deploy["resources"] = {"limits": {"memory": f"{mebibytes(part.memory)}M"}}
    return {"deploy": deploy} if deploy else {}
