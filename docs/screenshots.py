"""Take the pictures of README.md: the albums page and a track page of the demo library.

    python docs/screenshots.py            write docs/images/albums.webp and docs/images/track.webp
    python docs/screenshots.py MERMAID    also draw docs/images/data-flow.svg

A fleet of its own scans the demo library in a temporary data folder and analyses it, which takes a
minute or two; then the system's Chromium opens its web UI. MERMAID is the file dist/mermaid.min.js
of the npm package `mermaid`; the figure's source is the Mermaid block of README.md, so that the
site needs no script from another host. Needs the extra `test` and Chromium.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
FIGURE = IMAGES / "data-flow.svg"
MOST_BYTES = 200 * 1024
"""What a picture of README.md may have."""
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_WIDTH, _ALBUMS, _TRACKS = 1280, 440, 1120
"""Of the window, and its height for each page, in CSS pixels."""
_TRACK = "Line 40"
"""The title of the track whose page is shown."""
_PATIENCE = 900.0
"""Seconds that the scan and the analysis may take together."""


class Fleet:
    """A fleet with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        own = {name: text for name, text in os.environ.items() if not name.startswith("FLEET_")}
        self._environment = own | {
            "FLEET_DATA_DIR": str(folder / "data"),
            "FLEET_WEB": "127.0.0.1:0",
            "HOME": str(folder),
        }

    def run(self, *arguments: str) -> str:
        """Run a Python module with the fleet's settings; its standard output."""
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, env=self._environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def has_vectors(self) -> bool:
        """Whether every track has been analysed and has a vector."""
        status = json.loads(self.run("worker.cli", "status", "--json"))
        vectors = [work for work in status["work"] if work["kind"] == "vector"]
        return all(work["done"] and not work["to_do"] for work in vectors)


@contextmanager
def fleet() -> Iterator[Fleet]:
    """A fleet that has scanned and analysed the demo library."""
    with tempfile.TemporaryDirectory(prefix="mf", dir="/tmp") as folder:  # sockets
        started = Fleet(Path(folder))
        try:
            music = started.run("demo")
            started.run("worker.cli", "scan", music)
            deadline = time.monotonic() + _PATIENCE
            while not started.has_vectors():
                if time.monotonic() > deadline:
                    sys.exit(f"the analysis took more than {_PATIENCE:.0f} s")
                time.sleep(2)
            yield started
        finally:
            started.run("worker.cli", "down")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        sys.exit("no Chromium was found — on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def photograph(browser: Browser, url: str) -> None:
    """Write the pictures of the albums page and of a track page."""
    window = {"width": _WIDTH, "height": _ALBUMS}
    page = browser.new_page(viewport=window, device_scale_factor=1.5, base_url=url)
    page.goto("/")
    page.wait_for_function("[...document.images].every(it => it.complete && it.naturalWidth > 0)")
    _write("albums", page.screenshot())
    page.set_viewport_size({"width": _WIDTH, "height": _TRACKS})
    page.goto(f"/search?q={_TRACK}")
    for _ in ("to its line on the album's page", "to its own page"):
        page.locator("main").get_by_role("link", name=_TRACK, exact=True).last.click()
        page.wait_for_load_state("networkidle")
    _write("track", page.screenshot())


def draw_figure(browser: Browser, mermaid: Path) -> None:
    """Write the figure of the data flow as SVG."""
    source = figure_source()
    page = browser.new_page()
    page.set_content("<html><body></body></html>")
    page.add_script_tag(path=mermaid)
    settings = {"startOnLoad": False, "theme": "neutral", "flowchart": {"wrappingWidth": 400}}
    svg = page.evaluate(
        """async ([settings, source]) => {
             mermaid.initialize({...settings, htmlLabels: false});
             return (await mermaid.render("flow", source)).svg;
           }""",
        [settings, source],
    )
    svg = svg.replace('style="', 'style="background-color: white; ', 1)
    FIGURE.write_text(f"<!-- {digest(source)} -->\n{svg}\n", encoding="utf-8")
    click.echo(f"{FIGURE.relative_to(ROOT)} written")


def figure_source() -> str:
    """The Mermaid block of README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^```mermaid\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if found is None:
        sys.exit("README.md has no Mermaid block")
    return found[1]


def digest(source: str) -> str:
    """What the SVG begins with: it names the source that it was drawn from."""
    return hashlib.sha256(source.encode()).hexdigest()


def main(arguments: Sequence[str]) -> None:
    """Write all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with chromium() as browser:
        for mermaid in arguments:
            draw_figure(browser, Path(mermaid))
        with fleet() as started:
            photograph(browser, started.run("worker.cli", "web", "--where"))


def _write(name: str, png: bytes) -> None:
    file = IMAGES / f"{name}.webp"
    with Image.open(BytesIO(png)) as image:
        image.convert("RGB").save(file, quality=82, method=6)
    size = file.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{file} has {size:,} bytes — {MOST_BYTES:,} at most are allowed")
    click.echo(f"{file.relative_to(ROOT)} written, {size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
