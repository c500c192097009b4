"""The way into musicfleet: the command `fleet`, and `python -m musicfleet`.

Its packages have plain names, which others may have too. So before any of them is imported, folders
that hold another one of such a name are left out of what Python searches, for this process and for
all that it starts: the current folder, and those of PYTHONPATH. The fleet's programs never search
the current folder (PYTHONSAFEPATH in supervisord.conf). What cannot be left out, for it lies where
packages are installed, ends the command with a remedy.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGES = ("db", "demo", "deploy", "jobs", "watch", "web", "worker")
"""All of ours."""
FOLDER = Path(__file__).resolve().parent
"""Where they lie, each with an `__init__.py`."""
_PATH = "PYTHONPATH"
_REMEDY = "install musicfleet into an environment of its own: `pipx install musicfleet`"
_THOROUGH = {"doctor", "scan", "up"}
"""Commands that can wait a moment for the list of installed files to be read."""
_UNUSABLE = 9
"""As `worker.errors.ExitCode.BAD_INPUT` has it."""


def main() -> None:
    """Run `fleet`, and end the process with its exit code."""
    _leave_out_others()
    faults = foreign()
    if set(sys.argv[1:2]) & _THOROUGH:
        faults += overwritten()
    if faults:
        sys.exit(_said(faults))
    try:
        from worker.cli import main as run  # noqa: PLC0415  # not before the above
    except ImportError as error:
        if faults := overwritten():
            sys.exit(_said(faults))
        raise error from None
    run()


def _said(faults: list[str]) -> int:
    sys.stderr.write(f"fleet: {'; '.join(faults)} — {_REMEDY}\n")
    return _UNUSABLE


def _leave_out_others() -> None:
    given = [each for each in os.environ.get(_PATH, "").split(os.pathsep) if each]
    kept = [each for each in given if not _others_in([each])]
    current = {""}
    with suppress(FileNotFoundError):  # it was deleted
        current.add(str(Path.cwd()))
    if given != kept or _others_in(sys.path):
        dropped = (set(given) - set(kept)) | current
        sys.path[:] = [each for each in sys.path if each not in dropped or _is_ours(each)]
    if given != kept:
        names = ", ".join(sorted(set(given) - set(kept)))
        sys.stderr.write(f"{_PATH} is used without {names}, which has packages named as ours.\n")
        os.environ[_PATH] = os.pathsep.join(kept)
        if not kept:
            del os.environ[_PATH]


def _is_ours(folder: str) -> bool:
    return Path(folder).resolve() == FOLDER


def _others_in(path: Iterable[str]) -> list[str]:
    """What would be imported from these folders in place of a package of ours."""
    found = []
    for name in PACKAGES:
        spec = PathFinder.find_spec(name, list(path))
        place = spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), ""))
        if place and Path(place).resolve() not in {FOLDER / name, FOLDER / name / "__init__.py"}:
            found.append(place)
    return found


def foreign() -> list[str]:
    """What this process would import in place of packages of ours, in sentences."""
    return [f"{each} would be taken for a package of musicfleet" for each in _others_in(sys.path)]


def overwritten() -> list[str]:
    """Packages of ours that another one of the same name has been installed over, in sentences.

    As the list of installed files shows it; a checkout has none.
    """
    from base64 import urlsafe_b64encode  # noqa: PLC0415  # nearly no command needs it
    from hashlib import sha256  # noqa: PLC0415  # as above
    from importlib.metadata import PackageNotFoundError, files  # noqa: PLC0415  # as above

    try:
        listed = {str(each): each for each in files("musicfleet") or ()}
    except PackageNotFoundError:
        return []
    faults = []
    for name in (f"{package}/__init__.py" for package in PACKAGES):
        wanted = listed[name].hash if name in listed else None
        file = FOLDER / name
        content = file.read_bytes() if file.exists() else b""
        digest = urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
        if wanted is not None and wanted.value != digest:
            faults.append(f"{file} is not musicfleet's: another package was installed over it")
    return faults


if __name__ == "__main__":
    main()
