"""Which jobs there are: read from the source of the jobs package, which is never imported.

A job is a top-level function marked `@job` in `jobs/MODULE.py` or `jobs/MODULE/__init__.py`; its
name is MODULE.FUNCTION. What was found is kept in `jobs.json` of the run folder, because each
command would parse the same sources again.
"""

import ast
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from db import settings
from worker.topology.model import Fault

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Functions = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class FoundJob:
    """A job as its source declares it."""

    name: str
    source: str
    """File and line."""
    parameters: frozenset[str]
    required: frozenset[str]
    takes_any: bool
    """Whether it has **arguments."""


class _Marked(NamedTuple):
    """A function marked as a job; the last three as of `FoundJob`."""

    name: str
    line: int
    is_top_level: bool
    is_async: bool
    parameters: frozenset[str]
    required: frozenset[str]
    takes_any: bool


def find_jobs(folder: Path) -> tuple[dict[str, FoundJob], list[Fault]]:
    """The jobs of the package in `folder`, by name, and what is wrong with them."""
    files = sorted(folder.rglob("*.py"))
    sources = [[str(file), *_version(file)] for file in files]
    if (kept := _kept(sources)) is not None:
        return kept, []
    found, faults = _search(folder, files)
    if not faults:
        _keep(sources, found)
    return found, faults


def summary(folder: Path, job: FoundJob) -> str:
    """The first paragraph of the docstring of a job of the package in `folder`, in one line."""
    file, _, _ = job.source.rpartition(" line ")
    tree = ast.parse((folder.parent / file).read_bytes())
    name = job.name.rpartition(".")[2]
    own = next(each for each in tree.body if isinstance(each, _Functions) and each.name == name)
    return " ".join((ast.get_docstring(own) or "").partition("\n\n")[0].split())


def _version(file: Path) -> tuple[int, int]:
    """What is another when the file is."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _kept(sources: Sequence[Sequence[Any]]) -> dict[str, FoundJob] | None:
    """The jobs of these versions of the sources, all sound; None when they were not kept."""
    try:
        kept = json.loads(settings.read_text(_file()))
        if kept["sources"] == sources:
            return {name: _restored(each) for name, each in kept["jobs"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        pass  # what cannot be used is found again, and written again
    return None


def _restored(kept: Mapping[str, Any]) -> FoundJob:
    names = {key: frozenset(map(str, kept[key])) for key in ("parameters", "required")}
    return FoundJob(str(kept["name"]), str(kept["source"]), **names, takes_any=kept["takes_any"])


def _keep(sources: Sequence[Sequence[Any]], found: Mapping[str, FoundJob]) -> None:
    """Keep the jobs, where there is a run folder that may be written."""
    text = json.dumps(
        {"sources": sources, "jobs": {name: asdict(job) for name, job in found.items()}},
        default=sorted,
    )
    new = _file().with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        new.write_text(text, encoding="utf-8")
        new.replace(_file())


def _file() -> Path:
    return settings.run_dir() / "jobs.json"


def _search(folder: Path, files: Iterable[Path]) -> tuple[dict[str, FoundJob], list[Fault]]:
    """The same, from the sources."""
    found: dict[str, FoundJob] = {}
    faults: list[Fault] = []
    for file in files:
        for function in _marked(file, faults):
            where = f"{folder.name}/{file.relative_to(folder)} line {function.line}"
            module = _module(file.relative_to(folder))
            if not function.is_top_level or module is None:
                faults.append(_misplaced(where, function.name))
                continue
            name = f"{module}.{function.name}"
            if function.is_async:
                faults.append(Fault(where, f"the job {name} is async", "jobs are plain functions"))
            if name in found:
                other = found[name].source
                faults.append(
                    Fault(where, f"the job {name} is also defined in {other}", "rename one")
                )
            found[name] = FoundJob(
                name, where, function.parameters, function.required, function.takes_any
            )
    return found, faults


def _marked(file: Path, faults: list[Fault]) -> Iterable[_Marked]:
    """Each function of a file that is marked as a job."""
    source = file.read_bytes()
    if b"@job" not in source and b".job" not in source:
        return ()  # parsing every file would take a tenth of a second
    try:
        return _declared(source, file.name)
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        where = f"{file.parent.name}/{file.name} line {line or 1}"
        reason = f"does not parse: {error.msg if isinstance(error, SyntaxError) else error}"
        faults.append(Fault(where, reason, "repair the module; its jobs are unknown until then"))
        return ()


@lru_cache(64)
def _declared(source: bytes, name: str) -> tuple[_Marked, ...]:
    """The same of a source, kept because a process loads the topology again and again."""
    tree = ast.parse(source, name)
    return tuple(
        _described(node, top_level=node in tree.body)
        for node in _statements(tree)
        if isinstance(node, _Function) and any(map(_is_mark, node.decorator_list))
    )


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node; expressions, which are most of a tree, hold none."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            yield child
            yield from _statements(child)


def _is_mark(decorator: ast.expr) -> bool:
    """Whether this is `@job`, or `@dispatch.job`."""
    if isinstance(decorator, ast.Attribute):
        return decorator.attr == "job"
    return isinstance(decorator, ast.Name) and decorator.id == "job"


def _module(file: Path) -> str | None:
    """The module that may hold jobs in this file, or None."""
    match file.parts:
        case (name,) if name != "__init__.py":
            return file.stem
        case (package, "__init__.py"):
            return package
    return None


def _misplaced(where: str, function: str) -> Fault:
    return Fault(
        where,
        f"@job on {function} where no worker finds it",
        "move it to the top level of jobs/MODULE.py or jobs/MODULE/__init__.py",
    )


def _described(function: _Function, *, top_level: bool) -> _Marked:
    arguments = function.args
    positional = arguments.args
    optional = {each.arg for each in positional[len(positional) - len(arguments.defaults) :]}
    optional |= {
        each.arg
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    }
    names = frozenset(each.arg for each in [*positional, *arguments.kwonlyargs])
    return _Marked(
        function.name,
        function.lineno,
        top_level,
        isinstance(function, ast.AsyncFunctionDef),
        names,
        names - optional,
        arguments.kwarg is not None,
    )
