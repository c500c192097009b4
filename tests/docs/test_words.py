"""The words of the project are those of the field; its own former ones are gone.

The glossary, docs/glossary.md, has the words that stand in their place.
"""

import re
from collections.abc import Iterator

import click
import pytest

from tests import PACKAGES
from tests.docs.pages import PAGES, ROOT
from worker.cli.fleet import fleet

FORMER = {
    r"heard|hears?|hearing": "analyse, receive",
    r"told|tells?(?!\()|telling": "report, show, say, distinguish",
    r"rung|rings?|ringing|doorbells?": "enqueue, wake-up",
    r"look(?:s|ed|ing)? at": "read, check, examine, poll",
    r"look(?:s|ed|ing)? after": "watch, supervise",
    r"lent|lends?|lending|borrow(?:s|ed|er|ing)?": "move processes, worker rebalancing",
    r"anew": "again, recompute, rewrite",
    r"se(?:es?|en) to": "handle",
    r"the clock": "the scheduler, the time",
    r"upkeep": "maintenance",
    r"colou?rs? of the sound": "timbre",
    r"alike": "similar, equal",
    r"sweeps?|sweeping|swept": "reconcile, poll",
    r"rooms?": "package",
    r"there is to have": "exists",
}
"""What must not stand anywhere, in small letters, and what to write instead.

`tell(` is the method of files in Python.
"""

STAYING = {
    ("bench/quality/similarity.py", "sweep"): "a sweep of parameters, as the field says",
    ("docs/settings.md", "room"): "free space in a path of limited length",
    ("web/pages/health.py", "upkeep"): "the URL that the page had, which bookmarks may have",
    ("worker/cli/status.py", "upkeep"): "a key of `fleet status --json`, which scripts read",
}
"""Where such a word may stand, and why."""

_FORMER = re.compile(rf"\b(?:{'|'.join(FORMER)})\b", re.IGNORECASE)
_CODE = ("*.py", "*.lua", "*.html", "*.js", "*.css")
_OTHERS = ("Makefile", "queues.toml", "setup.cfg", "supervisord.conf", "docs/jobs.toml")


def former_words(name: str, text: str) -> Iterator[str]:
    """Each former word of a text that has no reason to stay, with its place and the remedy."""
    for number, line in enumerate(text.splitlines(), 1):
        for word in map(str.lower, _FORMER.findall(line)):
            if (name, word) not in STAYING:
                instead = next(new for old, new in FORMER.items() if re.fullmatch(old, word))
                yield f"{name}:{number}: {word!r} — write {instead}"


def help_texts(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """The help of a command and of those below it, each with the words that show it."""
    context = click.Context(command, info_name=name)
    yield f"{name} --help", command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from help_texts(below, f"{name} {each}")


def test_the_documentation_has_no_former_word() -> None:
    files = [*PAGES, *(ROOT / name for name in _OTHERS)]
    texts = [(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]
    assert [each for name, text in texts for each in former_words(name, text)] == []


def test_no_help_has_a_former_word() -> None:
    texts = list(help_texts(fleet, "fleet"))
    assert len(texts) > 30
    assert [each for name, text in texts for each in former_words(name, text)] == []


@pytest.mark.parametrize("package", [*PACKAGES, "demo", "bench"])
def test_neither_code_nor_pages_of_a_package_have_a_former_word(package: str) -> None:
    files = [file for kind in _CODE for file in sorted((ROOT / package).rglob(kind))]
    assert files
    texts = [(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]
    assert [each for name, text in texts for each in former_words(name, text)] == []


@pytest.mark.parametrize(("name", "word"), STAYING, ids=str)
def test_each_word_that_stays_is_still_there(name: str, word: str) -> None:
    found = map(str.lower, _FORMER.findall((ROOT / name).read_text(encoding="utf-8")))
    assert word in set(found)
