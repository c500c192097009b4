"""Every link of README.md and docs/ leads somewhere, and its anchor too."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links, text_of


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_the_web_are_encrypted_or_this_machine(page: Path) -> None:
    web = [link for link in links(page) if re.match("https?:", link)]
    assert [link for link in web if not re.match(r"https://|http://127\.0\.0\.1", link)] == []


def test_every_page_of_the_site_can_be_reached_from_the_readme() -> None:
    reached, open_ = set(), [ROOT / "README.md"]
    while open_:
        page = open_.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        local = [link.partition("#")[0] for link in links(page) if "://" not in link]
        open_.extend((page.parent / path).resolve() for path in local if path)
    assert [page for page in PAGES if page.is_relative_to(ROOT / "docs")] == sorted(
        page for page in reached if page.is_relative_to(ROOT / "docs")
    )


def test_each_path_that_contributors_are_led_to_is_there() -> None:
    codes = re.findall(r"`([\w./-]*/[\w./-]*)`", text_of(ROOT / "CONTRIBUTING.md"))
    paths = [code for code in codes if not code.startswith(".venv/") and "NAME" not in code]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
