"""The structure of the packages: modules, functions, who imports whom, who calls what.

    python -m bench structure             what is counted, a line each
    python -m bench structure --list      and the modules and functions behind the counts

Counted from the source of the checkout that it is called in, without importing it. Migrations are
left out: peewee-migrate writes them, and nothing imports them.
"""

import ast
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.command import PASSED, parser

PACKAGES = ("db", "jobs", "worker", "web", "watch")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Symbol = tuple[str, str]
"""A module and a name in it."""


class Module(NamedTuple):
    """The source of a module."""

    path: Path
    lines: int
    tree: ast.Module


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("structure", __doc__)
    options.add_argument("--list", action="store_true", dest="lists")
    lists = options.parse_args(arguments).lists
    modules = dict(_modules())
    importers: dict[str, set[str]] = {name: set() for name in modules}
    callers: dict[Symbol, list[str]] = defaultdict(list)
    imported = {name: _imported(module.tree, modules) for name, module in modules.items()}
    for name, names in imported.items():
        for what in names.values():
            module_of = what if isinstance(what, str) else what[0]
            if module_of != name:
                importers[module_of].add(name)
        for symbol in _uses(name, modules[name].tree, names, modules):
            callers[symbol].append(name)
    through = _used_through_packages(callers, imported)
    _print_sizes(modules)
    alone = sorted(name for name, by in importers.items() if len(by) == 1)
    print(f"modules with one importer            {len(alone)}")
    print(f"  which hands their names on         {len(through.intersection(alone))}")
    _print_functions(modules, callers, lists)
    nouns = sorted(name for name in modules if name.endswith("ing"))
    print(f"modules whose names end in -ing      {len(nouns)}")
    files = {name: {other for other, by in importers.items() if name in by} for name in modules}
    folders: dict[str, set[str]] = defaultdict(set)
    for name, others in files.items():
        folders[_folder(modules, name)] |= {_folder(modules, other) for other in others}
    print(f"circles of modules                   {_circles(files) or 'none'}")
    print(f"circles of folders                   {_circles(folders) or 'none'}")
    if lists:
        for name in alone:
            print(f"  {name} is imported by {min(importers[name])} alone")
        print(*(f"  {name} ends in -ing" for name in nouns), sep="\n")
    return PASSED


def _modules() -> Iterator[tuple[str, Module]]:
    for path in sorted(path for package in PACKAGES for path in Path(package).rglob("*.py")):
        if "migrations" not in path.parts:
            source = path.read_text(encoding="utf-8")
            name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            yield name, Module(path, len(source.splitlines()), ast.parse(source))


def _imported(tree: ast.Module, modules: Mapping[str, Module]) -> dict[str, str | Symbol]:
    """What each imported name stands for: a module of ours, or a name in one."""
    names: dict[str, str | Symbol] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in modules:
                    names[alias.asname or alias.name] = full
                elif node.module in modules:
                    names[alias.asname or alias.name] = (node.module, alias.name)
    return names


def _uses(
    name: str,
    tree: ast.Module,
    names: Mapping[str, str | Symbol],
    modules: Mapping[str, Module],
) -> Iterator[Symbol]:
    """Each place where something of ours is used, in the module that defines it too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            what = names.get(node.id, (name, node.id))
            if isinstance(what, tuple):
                yield what
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            what = names.get(node.value.id, "")
            if isinstance(what, str) and what in modules:
                yield what, node.attr


def _used_through_packages(
    callers: Mapping[Symbol, list[str]], imported: Mapping[str, Mapping[str, str | Symbol]]
) -> set[str]:
    """The modules whose names others use by way of a package that imports them."""
    through: set[str] = set()
    for (package, name), users in callers.items():
        what = imported[package].get(name)
        if isinstance(what, tuple) and set(users) != {package}:
            through.add(what[0])
    return through


def _print_sizes(modules: Mapping[str, Module]) -> None:
    lines = {name: module.lines for name, module in modules.items()}
    largest = max(lines, key=lines.__getitem__)
    print(f"modules                              {len(lines)}")
    print(f"lines                                {sum(lines.values())}")
    print(f"lines of a module, median            {statistics.median(lines.values()):.0f}")
    print(f"lines of a module, most              {lines[largest]} ({largest})")


def _print_functions(
    modules: Mapping[str, Module], callers: Mapping[Symbol, list[str]], lists: bool
) -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for module in modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, Function)
    ]
    public = [
        (name, node.name)
        for name, module in modules.items()
        for node in module.tree.body
        if isinstance(node, Function) and node.name[0] != "_"
    ]
    once = sorted(
        (name, function)
        for name, function in public
        if len(callers[name, function]) == 1 and name not in callers[name, function]
    )
    print(f"functions                            {len(lengths)}")
    print(f"lines of a function, median and most {statistics.median(lengths):.0f}, {max(lengths)}")
    print(f"public functions                     {len(public)}")
    print(
        f"  called once, in one other module   {len(once)} ({100 * len(once) / len(public):.1f} %)"
    )
    if lists:
        print(*(f"    {name}.{function}" for name, function in once), sep="\n")


def _folder(modules: Mapping[str, Module], name: str) -> str:
    return str(modules[name].path.parent)


def _circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The sets of nodes that reach each other, by what each reaches."""
    reached = {node: _reached(graph, node) for node in graph}
    circles = {
        tuple(sorted({node} | {other for other in others if node in reached[other]}))
        for node, others in reached.items()
    }
    return sorted(list(circle) for circle in circles if len(circle) > 1)


def _reached(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for node in graph[waiting.pop()]:
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached - {start}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
