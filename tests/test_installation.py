"""musicfleet as it is installed: its way in, its version, its extras and locked versions."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import musicfleet
from tests.docs.pages import ROOT, text_of
from worker import __version__

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
EXTRAS = SETUP["options.extras_require"]
FOR_USERS = ("postgres", "s3", "notify", "parquet")
"""Extras that are locked too."""
ENTRY = [sys.executable, "-c", "import musicfleet; musicfleet.main()", "--version"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with modules and packages of somebody else, named as ours."""
    for name in ("db", "jobs", "web", "demo", "watch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not musicfleet')")
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").write_text("raise SystemExit('not musicfleet')")
    return tmp_path


def started(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | variables
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_modules_of_the_current_folder_do_no_harm(elsewhere: Path) -> None:
    run = started(ENTRY, elsewhere)
    assert (run.stdout, run.stderr) == (f"musicfleet {__version__}\n", "")


def test_modules_of_pythonpath_are_left_out_with_a_line(elsewhere: Path) -> None:
    code = "import musicfleet, os; musicfleet._leave_out_others(); print(os.environ['PYTHONPATH'])"
    others = f"{elsewhere}{os.pathsep}/usr/share/nothing"
    run = started([sys.executable, "-c", code], elsewhere, PYTHONPATH=others)
    assert run.stdout == "/usr/share/nothing\n"
    assert (
        run.stderr == f"PYTHONPATH is used without {elsewhere}, which has packages named as ours.\n"
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of installed packages, with the list that an installer writes."""
    folder = tmp_path / "site"
    for name in musicfleet.PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").touch()
    shutil.copy(str(musicfleet.__file__), folder)
    empty = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0"
    listed = [f"{name}/__init__.py,{empty}" for name in musicfleet.PACKAGES]
    (folder / "musicfleet-1.dist-info").mkdir()
    (folder / "musicfleet-1.dist-info" / "METADATA").write_text("Name: musicfleet\nVersion: 1\n")
    (folder / "musicfleet-1.dist-info" / "RECORD").write_text("\n".join(listed))
    return folder


def test_a_package_that_was_installed_over_ours_is_named(installed: Path, elsewhere: Path) -> None:
    (installed / "web" / "__init__.py").write_text("'''web.py'''")
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); import musicfleet; musicfleet.main()"
    )
    run = started([sys.executable, "-S", "-c", code, "up"], elsewhere)
    assert run.returncode == 9
    assert run.stderr == (
        f"fleet: {installed}/web/__init__.py is not musicfleet's: another package was installed "
        "over it — install musicfleet into an environment of its own: `pipx install musicfleet`\n"
    )


def test_one_that_lies_before_ours_is_named(installed: Path, elsewhere: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(elsewhere)!r}, {str(installed)!r}]; "
        f"sys.path.append({str(installed)!r}); import musicfleet; musicfleet.main()"
    )
    run = started([sys.executable, "-S", "-c", code], installed.parent.parent)
    assert run.returncode == 9
    assert f"{elsewhere}/db.py would be taken for a package of musicfleet" in run.stderr


def test_the_packages_are_those_that_are_installed() -> None:
    included = SETUP["options.packages.find"]["include"].split()
    assert sorted(each.removesuffix("*") for each in included) == sorted(musicfleet.PACKAGES)
    for name in musicfleet.PACKAGES:
        assert (ROOT / name / "__init__.py").exists()


def test_the_version_stands_in_one_place() -> None:
    assert SETUP["metadata"]["version"] == "attr: worker.__version__"
    assert re.search(rf"^## {re.escape(__version__)}\b", text_of(ROOT / "CHANGELOG.md"), re.M)


def test_every_extra_says_what_it_is_for() -> None:
    lines = (ROOT / "setup.cfg").read_text(encoding="utf-8").splitlines()
    page = text_of(ROOT / "docs" / "installing.md")
    for extra in EXTRAS:
        assert lines[lines.index(f"{extra} =") - 1].startswith("# "), extra
        assert f"| `{extra}` |" in page


def test_what_is_needed_is_locked_to_versions_that_fit() -> None:
    locked: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([\w.-]+)==([^ ;]+)", line):
            locked.setdefault(match[1].lower(), []).append(match[2])
    needed = [SETUP["options"]["install_requires"], *(EXTRAS[each] for each in FOR_USERS)]
    for text in "\n".join(needed).splitlines():
        if text.strip() and not text.strip().startswith("#"):
            requirement = Requirement(text.strip())
            versions = locked[requirement.name.lower().replace("_", "-")]
            assert all(requirement.specifier.contains(each) for each in versions), text
