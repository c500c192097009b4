"""Kubernetes: a kustomize base with one Deployment a program, each with its list of queues.

It needs a PostgreSQL and a Redis or Valkey, whose URLs a Secret has, and KEDA for programs that run
on demand. Those are scaled by `musicfleet_program_work` of the page's /metrics, which never says
less than there are workers while one of them is busy: so no busy worker is scaled away, whichever
pod is chosen. Each pod has a data folder of its own; pictures and backups are on volumes.
Formats: https://kubernetes.io/docs/reference/kubernetes-api/, https://keda.sh/docs/latest/reference/
"""

from collections.abc import Mapping
from typing import Any

from db import settings
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

_NAME = "musicfleet"
_SECRET, _QUEUES, _SETTINGS = _NAME, f"{_NAME}-queues", f"{_NAME}-settings"
_WEB = f"{_NAME}-web"
_KEPT = {"images": "/images", "backups": "/backups"}
"""Where pods have what is kept, by the name of the volume; their data folders end with them."""
_USER = 1000
"""The user and group of the image."""
_CORE = 100
"""Thousandths of a core that a program asks for: what it weighs when others want it too."""
_LEAST_MEMORY = "64Mi"
_STORES = {"PostgreSQL": 5432, "Redis": 6379}
_POLL = 15
"""Seconds between two looks of KEDA."""
_TARGET = "1"
"""Jobs for each pod, before there is one more."""
_NOTE = """\
#
# kubectl apply --kustomize deploy/kubernetes
# kubectl --namespace musicfleet create secret generic musicfleet \\
#   --from-literal=web_user=fleet --from-literal=web_password=… \\
#   --from-literal=database_url=postgresql://USER:PASSWORD@HOST/DATABASE \\
#   --from-literal=redis_url=redis://:PASSWORD@HOST:6379/0
# kubectl --namespace musicfleet exec deploy/musicfleet-web -- fleet scan /music
#
# An overlay with another namespace has to patch the URLs in scaling.yaml too, for KEDA asks from
# its own namespace.
#
# Settings are the keys of a ConfigMap musicfleet-settings, such as FLEET_PROVIDERS. The claim
# musicfleet-music has to be bound to the volume of your music; an overlay says which.

"""


def files(fleet: Fleet) -> dict[str, str]:
    """The files of the base, by name."""
    objects = {
        "namespace": [_namespace()],
        "queues": [_queues(fleet)],
        "storage": [
            *(_claim(name, "ReadOnlyMany") for name in _music(fleet)),
            *(_claim(name, "ReadWriteMany") for name in _KEPT),
        ],
        "programs": [each for part in fleet.parts for each in _program(fleet, part)],
        "network": _network(fleet),
        "scaling": _scaling(fleet),
    }
    present = {f"{name}.yaml": each for name, each in objects.items() if each}
    base = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": _NAME,
        "resources": list(present),
    }
    texts = {"kustomization.yaml": f"{fleet.header}{_NOTE}{as_yaml(base)}"}
    texts |= {name: f"{fleet.header}{as_yaml(*each)}" for name, each in present.items()}
    return {f"kubernetes/{name}": text for name, text in texts.items()}


def _object(
    api: str, kind: str, name: str, fleet: Fleet, part: str, **content: Any
) -> dict[str, Any]:
    labels = fleet.labels(part)
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "labels": labels},
        **content,
    }


def _namespace() -> dict[str, Any]:
    """No pod in it may have rights that none of the fleet's needs."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAME, "labels": labels}}


def _queues(fleet: Fleet) -> dict[str, Any]:
    text = settings.read_text(fleet.topology.path)
    return _object("v1", "ConfigMap", _QUEUES, fleet, "queues", data={"queues.toml": text})


def _music(fleet: Fleet) -> dict[str, str]:
    """Where pods have the music, by the name of the volume."""
    folders = fleet.folders or [MUSIC]
    return {f"music-{number}" if number else "music": each for number, each in enumerate(folders)}


def _claim(name: str, mode: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": _NAME, "app.kubernetes.io/component": name}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"{_NAME}-{name}", "labels": labels},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "10Gi"}}},
    }


def _program(fleet: Fleet, part: Part) -> list[dict[str, Any]]:
    """The Deployment of a program, and how many of its pods a drain may end at a time."""
    name, labels = f"{_NAME}-{part.name}", fleet.labels(part.name)
    selector = {"matchLabels": labels}
    spec: dict[str, Any] = {
        "selector": selector,
        "template": {"metadata": {"labels": labels}, "spec": _pod(fleet, part)},
    }
    if not part.is_scaled:  # else KEDA says how many
        spec = {"replicas": 0 if part.is_optional else part.processes, **spec}
    if not part.queues:
        spec["strategy"] = {"type": "Recreate"}  # there is one of each
    return [
        _object("apps/v1", "Deployment", name, fleet, part.name, spec=spec),
        _object(
            *("policy/v1", "PodDisruptionBudget", name, fleet, part.name),
            spec={"maxUnavailable": 1, "selector": selector},
        ),
    ]


def _pod(fleet: Fleet, part: Part) -> dict[str, Any]:
    music = _music(fleet) if part.needs_music else {}
    claims = _KEPT | music
    volumes: list[dict[str, Any]] = [{"name": name, "emptyDir": {}} for name in ("data", "tmp")]
    volumes.append({"name": "queues", "configMap": {"name": _QUEUES}})
    for name in claims:
        claim: dict[str, Any] = {"claimName": f"{_NAME}-{name}"}
        claim |= {"readOnly": True} if name in music else {}
        volumes.append({"name": name, "persistentVolumeClaim": claim})
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": part.stop,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(fleet, part, claims)],
        "volumes": volumes,
    }


def _container(fleet: Fleet, part: Part, claims: Mapping[str, str]) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "data", "mountPath": DATA},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # of the container
        {"name": "queues", "mountPath": QUEUES, "subPath": "queues.toml"},
    ]
    for name, path in claims.items():
        mount: dict[str, Any] = {"name": name, "mountPath": path}
        mounts.append(mount | ({} if name in _KEPT else {"readOnly": True}))
    container: dict[str, Any] = {
        "name": part.name,
        "image": image(),
        "args": ["python", *part.command()],
        "envFrom": [{"configMapRef": {"name": _SETTINGS, "optional": True}}],
        "env": _environment(fleet, part),
        "volumeMounts": mounts,
        "resources": _resources(part),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **_probes(part),
    }
    if part.health is Health.PAGE:
        container["ports"] = [{"name": "http", "containerPort": PORT}]
    return container


def _environment(fleet: Fleet, part: Part) -> list[dict[str, Any]]:
    said = {"FLEET_SUPERVISOR": "kubernetes", "FLEET_QUEUES": QUEUES, **fleet.own}
    said["FLEET_IMAGES_URL"] = _KEPT["images"]
    secrets = {"FLEET_DATABASE_URL": "database_url", "FLEET_REDIS_URL": "redis_url"}
    if part.health is Health.PAGE:
        said["FLEET_WEB"] = f"0.0.0.0:{PORT}"
        secrets["FLEET_WEB_PASSWORD"] = "web_password"  # noqa: S105  # the name of a key
    else:
        said["ALIVE_FILE"] = ALIVE
    if part.is_optional:
        said["FLEET_WATCH"] = "on"
    plain: list[dict[str, Any]] = [{"name": name, "value": text} for name, text in said.items()]
    return plain + [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": _SECRET, "key": key}}}
        for name, key in secrets.items()
    ]


def _resources(part: Part) -> dict[str, Any]:
    requests = {"cpu": f"{max(1, round(_CORE * part.weight))}m", "memory": _LEAST_MEMORY}
    if part.memory is None:
        return {"requests": requests}
    return {"requests": requests, "limits": {"memory": f"{mebibytes(part.memory)}Mi"}}


def _probes(part: Part) -> dict[str, Any]:
    """Only a program that hangs is started again: that a store is away repairs no new start."""
    ask: dict[str, Any] = {"exec": {"command": ["bash", "-c", part.health.value]}}
    if part.health is Health.PAGE:
        ask = {"httpGet": {"path": "/static/style.css", "port": "http"}}
    times = {"periodSeconds": 60, "timeoutSeconds": 10}
    return {
        "startupProbe": {**ask, "periodSeconds": 5, "timeoutSeconds": 10, "failureThreshold": 60},
        "livenessProbe": {**ask, **times, "failureThreshold": 3},
        "readinessProbe": {**ask, **times, "failureThreshold": 1},
    }


def _network(fleet: Fleet) -> list[dict[str, Any]]:
    """Nobody is let in but to the page; out, to names and stores, and to the web who needs it."""
    every = {"app.kubernetes.io/name": _NAME}
    stores = [{"protocol": "TCP", "port": port} for port in _STORES.values()]
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    web = [{"protocol": "TCP", "port": port} for port in (80, 443)]
    outward = [part.name for part in fleet.parts if part.reaches_out]
    policies = [
        _policy(fleet, "stores", {"matchLabels": every}, Egress=[{"ports": dns + stores}]),
        _policy(fleet, "web-services", _among(outward), Egress=[{"ports": web}]),
    ]
    pages = [part for part in fleet.parts if part.health is Health.PAGE]
    for part in pages:
        labels = fleet.labels(part.name)
        keda = {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}
        allowed = {
            "from": [{"podSelector": {}}, {"namespaceSelector": keda}],
            "ports": [{"protocol": "TCP", "port": PORT}],
        }
        policies += [
            _policy(fleet, "page", {"matchLabels": labels}, Ingress=[allowed]),
            _object(
                *("v1", "Service", _WEB, fleet, part.name),
                spec={
                    "selector": labels,
                    "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
                },
            ),
        ]
    return policies


def _among(parts: list[str]) -> dict[str, Any]:
    """The pods of these programs."""
    named = {"key": "app.kubernetes.io/component", "operator": "In", "values": parts}
    return {"matchLabels": {"app.kubernetes.io/name": _NAME}, "matchExpressions": [named]}


def _policy(fleet: Fleet, name: str, pods: Mapping[str, Any], **rules: Any) -> dict[str, Any]:
    """A policy. What it has no rule for is forbidden: all of the fleet's have both directions."""
    return _object(
        *("networking.k8s.io/v1", "NetworkPolicy", f"{_NAME}-{name}", fleet, "network"),
        spec={
            "podSelector": pods,
            "policyTypes": ["Ingress", "Egress"],
            **{direction.lower(): rule for direction, rule in rules.items()},
        },
    )


def _scaling(fleet: Fleet) -> list[dict[str, Any]]:
    scaled = [part for part in fleet.parts if part.is_scaled]
    if not scaled:
        return []
    keys = {"username": "web_user", "password": "web_password"}
    login = _object(
        *("keda.sh/v1alpha1", "TriggerAuthentication", _WEB, fleet, "web"),
        spec={
            "secretTargetRef": [
                {"parameter": parameter, "name": _SECRET, "key": key}
                for parameter, key in keys.items()
            ]
        },
    )
    return [login, *(_scaled(fleet, part) for part in scaled)]


def _scaled(fleet: Fleet, part: Part) -> dict[str, Any]:
    trigger = {
        "type": "metrics-api",
        "metadata": {
            "url": f"http://{_WEB}.{_NAME}.svc:{PORT}/metrics",
            "format": "prometheus",
            "valueLocation": f'musicfleet_program_work{{program="{part.name}"}}',
            "targetValue": _TARGET,
            "authMode": "basic",
        },
        "authenticationRef": {"name": _WEB},
    }
    rest = {"stabilizationWindowSeconds": part.idle}
    return _object(
        *("keda.sh/v1alpha1", "ScaledObject", f"{_NAME}-{part.name}", fleet, part.name),
        spec={
            "scaleTargetRef": {"name": f"{_NAME}-{part.name}"},
            "minReplicaCount": part.standing,
            "maxReplicaCount": part.most,
            "pollingInterval": _POLL,
            "cooldownPeriod": part.idle,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": rest}}},
            "triggers": [trigger],
        },
    )
