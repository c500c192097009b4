"""docs/ builds as a site that needs no other host, and the README's pictures are its own."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from tests.docs.pages import ROOT

WEB = re.compile(r"(?:src|href|url)\s*[=(]\s*[\"']?(https?:)?//(?!www\.w3\.org)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of its sources in strict mode."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    build = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def screenshots() -> ModuleType:
    """The script that takes the pictures."""
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "docs/screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_page_is_in_the_site_and_nothing_else_of_docs(site: Path) -> None:
    pages = {page.relative_to(ROOT / "docs") for page in ROOT.glob("docs/**/*.md")}
    assert {page.relative_to(site).with_suffix(".md") for page in site.glob("**/*.html")} == {
        *pages,
        Path("404.md"),
    }
    assert list(site.glob("**/*.py")) == []


def test_the_pages_load_nothing_from_another_host(site: Path) -> None:
    tags = [
        tag
        for page in site.glob("**/*.html")
        for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text())
    ]
    assert tags
    assert [tag for tag in tags if WEB.search(tag)] == []
    assert [tag for tag in tags if 'class="mermaid"' in tag] == []


def test_the_figure_is_drawn_from_the_mermaid_source_of_the_readme(
    screenshots: ModuleType,
) -> None:
    first = screenshots.FIGURE.read_text(encoding="utf-8").partition("\n")[0]
    expected = screenshots.digest(screenshots.figure_source())
    assert first == f"<!-- {expected} -->", "run `python docs/screenshots.py MERMAID`"


def test_the_pictures_of_the_readme_are_small_and_can_be_decoded(screenshots: ModuleType) -> None:
    pictures = sorted(screenshots.IMAGES.glob("*.webp"))
    assert [picture.name for picture in pictures] == ["albums.webp", "track.webp"]
    for picture in pictures:
        assert picture.stat().st_size <= screenshots.MOST_BYTES
        with Image.open(picture) as image:
            image.load()
            assert image.width >= 1280
