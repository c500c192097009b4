"""No slip in a queues.toml goes unnoticed: each is refused with a message that names it."""

import copy
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.errors import TopologyError
from worker.topology import Topology

Load = Callable[[str], Topology]
FaultsOf = Callable[[str], str]
Document = dict[str, Any]


def as_toml(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {as_toml(each)}" for key, each in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


def as_text(document: Document) -> str:
    return "".join(f"{json.dumps(key)} = {as_toml(each)}\n" for key, each in document.items())


def misspelt(name: str) -> Iterator[str]:
    """The name with each of its letters left out."""
    for match in re.finditer("[a-z]", name):
        yield name[: match.start()] + name[match.end() :]


@pytest.fixture
def document(sound: str) -> Document:
    return tomllib.loads(sound)


def test_a_queue_removed_from_any_program(faults_of: FaultsOf, document: Document) -> None:
    for program, entry in document["programs"].items():
        for queue in entry["queues"]:
            changed = copy.deepcopy(document)
            changed["programs"][program]["queues"].remove(queue)
            assert f"queues.{queue}: no program consumes it" in faults_of(as_text(changed))


def test_any_queue_of_a_program_misspelt(faults_of: FaultsOf, document: Document) -> None:
    for program, entry in document["programs"].items():
        for index, queue in enumerate(entry["queues"]):
            for wrong in misspelt(queue):
                changed = copy.deepcopy(document)
                changed["programs"][program]["queues"][index] = wrong
                told = faults_of(as_text(changed))
                assert (
                    f'programs.{program}.queues: there is no queue "{wrong}" — did you mean' in told
                )
                assert f"queues.{queue}: no program consumes it" in told


def test_any_queue_renamed(faults_of: FaultsOf, document: Document) -> None:
    for queue in document["queues"]:
        changed = copy.deepcopy(document)
        changed["queues"]["other"] = changed["queues"].pop(queue)
        told = faults_of(as_text(changed))
        assert f'there is no queue "{queue}"' in told
        assert "queues.other: no program consumes it" in told


def test_any_queue_dropped(faults_of: FaultsOf, document: Document) -> None:
    for queue, entry in document["queues"].items():
        changed = copy.deepcopy(document)
        del changed["queues"][queue]
        told = faults_of(as_text(changed))
        assert f"the job {entry['jobs'][0].removesuffix('*')}" in told
        assert f'there is no queue "{queue}"' in told


def test_any_program_dropped(faults_of: FaultsOf, document: Document) -> None:
    for program, entry in document["programs"].items():
        changed = copy.deepcopy(document)
        del changed["programs"][program]
        told = faults_of(as_text(changed))
        for queue in entry["queues"]:
            assert f"queues.{queue}: no program consumes it" in told


def test_any_job_name_misspelt(faults_of: FaultsOf, document: Document) -> None:
    for queue, entry in document["queues"].items():
        for wrong in misspelt(entry["jobs"][0]):
            changed = copy.deepcopy(document)
            changed["queues"][queue]["jobs"] = [wrong]
            told = faults_of(as_text(changed))
            assert f'queues.{queue}.jobs: no job matches "{wrong}"' in told
            assert "is in no queue" in told


def test_any_job_pattern_in_a_second_queue(faults_of: FaultsOf, document: Document) -> None:
    for queue, entry in document["queues"].items():
        for other in set(document["queues"]) - {queue}:
            changed = copy.deepcopy(document)
            changed["queues"][other]["jobs"] += entry["jobs"]
            told = faults_of(as_text(changed))
            assert "is in 2 queues" in told
            assert f"queues.{queue}.jobs" in told
            assert f"queues.{other}.jobs" in told


def test_any_job_removed_from_the_package(
    faults_of: FaultsOf, jobs: Path, document: Document
) -> None:
    for module, text in [(file, file.read_text()) for file in jobs.rglob("*.py")]:
        module.write_text(re.sub(r"@(dispatch\.)?job\n", "", text))
        told = faults_of(as_text(document))
        module.write_text(text)
        assert "no job matches" in told


def test_the_job_of_a_schedule_misspelt(faults_of: FaultsOf, document: Document) -> None:
    for wrong in misspelt("maintenance.cleanup"):
        document["schedules"]["cleanup"]["job"] = wrong
        assert f'schedules.cleanup.job: there is no job "{wrong}"' in faults_of(as_text(document))


def test_any_key_misspelt(faults_of: FaultsOf, document: Document) -> None:
    for kind, entries in document.items():
        for name, entry in entries.items():
            for key in entry:
                changed = copy.deepcopy(document)
                changed[kind][name][key + "x"] = changed[kind][name].pop(key)
                told = faults_of(as_text(changed))
                assert f"{kind}.{name}.{key}x: is no such key — did you mean {key}" in told


def test_any_table_misspelt(faults_of: FaultsOf, document: Document) -> None:
    for kind in document:
        changed = copy.deepcopy(document)
        changed[kind[:-1]] = changed.pop(kind)
        assert f"{kind[:-1]}: is no table of queues.toml — did you mean {kind}?" in faults_of(
            as_text(changed)
        )


_VALUES = st.recursive(
    st.booleans() | st.integers(-2, 10**6) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(data=st.data())
@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_stands_in_place_of_a_value_is_taken_or_told_as_a_fault(
    data: st.DataObject, load_text: Load, document: Document
) -> None:
    changed = copy.deepcopy(document)
    kind = data.draw(st.sampled_from(sorted(changed)))
    name = data.draw(st.sampled_from(sorted(changed[kind])))
    key = data.draw(st.sampled_from(sorted(changed[kind][name])))
    changed[kind][name][key] = data.draw(_VALUES)
    try:
        names = set(load_text(as_text(changed)).queues)
    except TopologyError as error:
        names = set(document["queues"]) if error.faults else set()
    assert names == set(document["queues"])
