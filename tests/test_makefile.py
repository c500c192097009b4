"""What `make` says on a machine that lacks what it needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VERBS = ("run", "test", "lint", "format", "coverage", "pythons", "bench", "docs", "clean")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what `.venv` is built from, and no `.venv`."""
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make_run(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "run", f"PYTHON={python}"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def python_without(module: str, folder: Path) -> str:
    """A Python of the right version that cannot import `module`, as Debian's is without venv."""
    program = folder / "bare-python"
    program.write_text(f'#!/bin/sh\ncase "$*" in *{module}*) exit 1 ;; esac\n')
    program.chmod(0o755)
    return str(program)


def test_without_a_python_that_is_new_enough_it_names_what_was_tried(checkout: Path) -> None:
    result = make_run(checkout, "/bin/false /no/such/python")
    assert result.returncode == 2
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "/bin/false /no/such/python" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_named_with_the_remedy(checkout: Path, tmp_path: Path) -> None:
    python = python_without("ensurepip", tmp_path)
    result = make_run(checkout, python)
    assert result.returncode == 2
    assert f"{python} lacks the venv module — install it" in result.stderr
    assert not (checkout / ".venv").exists()


def test_every_verb_is_listed(checkout: Path) -> None:
    command = ["make", "--no-print-directory"]
    listed = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    for verb in VERBS:
        assert f"make {verb} " in listed.stdout


@pytest.mark.parametrize("broken", ["", "mypy", "python"])
def test_make_test_runs_tests_and_lint_and_fails_when_either_does(
    checkout: Path, broken: str
) -> None:
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "ruff", "mypy", "lint-imports", "fleet"):
        does = f'echo "{name} $* $MAKEFLAGS"; exit {int(name == broken)}'
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    for name in ("installed", "tested"):
        (checkout / ".venv" / name).touch()
    command = ["make", "test"]
    result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert (result.returncode == 0) == (not broken), result.stdout + result.stderr
    assert "python -m pytest -n 6 --dist loadfile \n" in result.stdout
    assert "mypy" in result.stdout


def test_the_default_instance_has_a_database_and_a_folder_for_sockets(tmp_path: Path) -> None:
    """Plain `supervisord -c supervisord.conf` needs both."""
    command = ["make", "-o", ".venv/installed", "default-instance", f"VENV_PYTHON={sys.executable}"]
    environment = os.environ | {"HOME": str(tmp_path)}
    made = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert made.stderr == ""
    data = tmp_path / ".local/share/musicfleet"
    assert {each.name for each in data.iterdir()} >= {"library.db", "run"}
