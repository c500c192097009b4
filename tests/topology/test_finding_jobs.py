"""Jobs are read from the source of the package, and nothing marked as a job is overlooked."""

from collections.abc import Callable
from pathlib import Path

from worker.topology.jobs import find_jobs

FaultsOf = Callable[[str], str]
WriteJob = Callable[[str, str], None]


def told(jobs: Path) -> str:
    return "\n".join(map(str, find_jobs(jobs)[1]))


def test_jobs_are_found_without_importing_their_modules(jobs: Path) -> None:
    found, faults = find_jobs(jobs)
    assert not faults
    assert sorted(found) == [
        "covers.extract_embedded",
        "covers.process_album_covers",
        "maintenance.cleanup",
        "metadata.extract_batch",
        "scan.discovery",
    ]


def test_parameters_are_known(jobs: Path) -> None:
    job = find_jobs(jobs)[0]["scan.discovery"]
    assert (job.parameters, job.required) == ({"root", "deep"}, {"root"})
    assert find_jobs(jobs)[0]["metadata.extract_batch"].required == {"chunk_id"}


def test_a_job_that_is_defined_twice_is_a_fault(jobs: Path, write_job: WriteJob) -> None:
    write_job("scan/__init__.py", "from worker.dispatch import job\n@job\ndef discovery(): pass")
    assert "the job scan.discovery is also defined in jobs/scan" in told(jobs)


def test_a_job_below_its_stage_is_a_fault(jobs: Path, write_job: WriteJob) -> None:
    write_job("covers/store.py", "from worker.dispatch import job\n@job\ndef keep(): pass")
    assert "jobs/covers/store.py line 3: @job on keep where no worker finds it" in told(jobs)


def test_a_method_marked_as_a_job_is_a_fault(jobs: Path, write_job: WriteJob) -> None:
    write_job("gmm.py", "class Model:\n    @job\n    def fit(self): pass")
    assert "jobs/gmm.py line 3: @job on fit where no worker finds it" in told(jobs)


def test_an_async_job_is_a_fault(jobs: Path, write_job: WriteJob) -> None:
    write_job("gmm.py", "@job\nasync def fit(): pass")
    assert "jobs/gmm.py line 2: the job gmm.fit is async — jobs are plain functions" in told(jobs)


def test_a_module_that_does_not_parse_is_a_fault_with_its_line(
    jobs: Path, write_job: WriteJob
) -> None:
    write_job("gmm.py", "@job\ndef fit(:\n    pass")
    assert "jobs/gmm.py line 2: does not parse: invalid syntax" in told(jobs)


def test_what_is_wrong_with_the_jobs_makes_the_topology_unsound(
    faults_of: FaultsOf, sound: str, write_job: WriteJob
) -> None:
    write_job("covers/store.py", "@job\ndef keep(): pass")
    assert "@job on keep where no worker finds it" in faults_of(sound)
