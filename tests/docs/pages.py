"""README.md and docs/ as readers see them: headings, links, blocks of commands and queries."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SEPARATORS = {"&&", "||", "|", ";", "&"}
_ASSIGNMENT = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A simple command of a block: the assignments in front of it, and its words."""

    settings: dict[str, str]
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """The name of what is run, without its folder."""
        return self.words[0].rpartition("/")[2]


@cache
def text_of(page: Path) -> str:
    """The Markdown of a page."""
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> list[Block]:
    """All blocks of a language."""
    found = []
    for page in PAGES:
        text = text_of(page)
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(str(page.relative_to(ROOT)), line, match[1], match[2]))
    return [block for block in found if block.language == language]


def prose_of(page: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", text_of(page))


def inline_codes(page: Path) -> list[str]:
    """What stands between backticks in the prose of a page."""
    return _INLINE.findall(" ".join(prose_of(page).split("\n")))


def links(page: Path) -> list[str]:
    """The targets of the links and pictures of a page."""
    return _LINK.findall(prose_of(page))


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = _HEADING.findall(prose_of(page))
    kept = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings)
    return {re.sub(r"\s", "-", each.strip()) for each in kept}


def commands(block: Block) -> Iterator[Command]:
    """The simple commands of a block, without comments and redirections."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for word in [*lexer, ";"]:
            if word not in _SEPARATORS:
                words.append(word)
            elif words:
                yield _command(words)
                words = []


def _command(words: list[str]) -> Command:
    if ">" in words:
        words = words[: words.index(">")]
    settings = {}
    while words and (match := _ASSIGNMENT.fullmatch(words[0])):
        settings[match[1]] = match[2]
        words = words[1:]
    return Command(settings, tuple(words))
