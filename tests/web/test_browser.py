"""The page as a person meets it: a real Chromium, a real fleet, the demo library."""

import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, Request, Route, expect, sync_playwright
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from db.models import EntityType, Kind, LedgerRow, State, Track
from tests.music import picture
from tests.waiting import PATIENCE, until
from tests.web.conftest import ADDRESS, PageFleet
from tests.web.similar import give_clusters, give_vectors
from tests.web.walk import Site, faults
from web.app import create_app

Open = Callable[..., Page]
Scheme = Literal["light", "dark"]

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM = next(filter(None, map(shutil.which, _PROGRAMS)), None)
_WITHOUT = "no Chromium was found — on Debian: apt-get install chromium"
_PATIENCE = 1000 * PATIENCE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    if _CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_WITHOUT)
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM,
            args=[
                "--no-sandbox",  # root has none
                "--disable-gpu",
                "--disable-software-rasterizer",
                "--process-per-site",
                "--renderer-process-limit=1",
            ],
        )
        yield browser
        browser.close()


class Tab:
    """A tab of the browser, which notes whatever a page complains of or asks another host."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        options = {"base_url": url, "reduced_motion": "reduce", **options}  # each frame is drawn
        self.context = browser.new_context(**options)
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        self.page.set_default_timeout(_PATIENCE)
        self.page.on("console", lambda each: each.type == "error" and self._note(each.text))
        self.page.on("pageerror", lambda each: self._note(str(each)))
        self.page.on("dialog", lambda each: self._note(f"a dialog: {each.message}"))
        self.page.on("request", lambda each: self._note_foreign(each, url))

    def forget(self) -> None:
        """Forget what the pages have kept; the page that is open writes nothing by itself."""
        self.page.unroute_all()
        self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        self.context.clear_cookies()
        self.complaints.clear()

    def _note(self, complaint: str) -> None:
        self.complaints.append(complaint)

    def _note_foreign(self, request: Request, url: str) -> None:
        if not request.url.startswith((url, "data:")):
            self._note(f"asked {request.url}")


@pytest.fixture(scope="module")
def tab(browser: Browser, page_fleet: PageFleet) -> Iterator[Tab]:
    """One for most tests, for to open it costs more than most pages."""
    tab = Tab(browser, page_fleet.url)
    yield tab
    tab.context.close()


@pytest.fixture
def open_page(tab: Tab) -> Iterator[Open]:
    """Opens a path; at the end no page has complained, and none has asked another host."""

    def open_(path: str = "", width: int = 1280, scheme: Scheme = "light") -> Page:
        tab.page.set_viewport_size({"width": width, "height": 844})
        tab.page.emulate_media(color_scheme=scheme)
        tab.page.mouse.move(0, 0)
        tab.page.goto(path)
        return tab.page

    yield open_
    complaints = list(tab.complaints)
    tab.forget()
    assert complaints == []


@pytest.fixture(scope="module")
def tab_without_scripts(browser: Browser, page_fleet: PageFleet) -> Iterator[Tab]:
    """One that runs no scripts."""
    tab = Tab(browser, page_fleet.url, java_script_enabled=False)
    yield tab
    tab.context.close()
    assert tab.complaints == []


def all_pictures_are_there(page: Page) -> int:
    """Scroll through the page until every picture has come; how many there are."""
    pictures = page.locator(".art img")
    for number in range(pictures.count()):
        pictures.nth(number).scroll_into_view_if_needed()
    until(lambda: bool(pictures.evaluate_all("all => all.every(it => it.naturalWidth > 0)")))
    return pictures.count()


def answering(body: str) -> Callable[[Route], None]:
    """Answers with this page in place of the fleet."""
    return lambda route: route.fulfill(body=body, content_type="text/html")


def ground(page: Page) -> list[int]:
    """Red, green and blue of the background."""
    text = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(each) for each in text.removeprefix("rgb(").removesuffix(")").split(",")]


def test_every_album_with_a_cover_shows_it(open_page: Open) -> None:
    page = open_page()
    expect(page.locator(".card")).to_have_count(6)
    assert all_pictures_are_there(page) == 5
    expect(page.get_by_label("Cover of Field Notes: there is none")).to_be_visible()


def test_a_colour_and_a_blurred_picture_stand_where_a_cover_is_to_come(
    open_page: Open, page_fleet: PageFleet
) -> None:
    page = open_page("login")
    page.route("**/images/**", lambda route: time.sleep(0.3) or route.continue_())
    page.goto("")
    expect(page.locator(".art canvas").first).to_be_attached()
    assert all_pictures_are_there(page) == 5


def test_the_first_run_leads_from_an_empty_library_to_its_albums(page_fleet: PageFleet) -> None:
    front, folders, checked, begun, scans, gallery = page_fleet.first_run
    assert front.headers["Location"] == "/folders"
    assert "Where is your music?" in folders.text
    assert str(page_fleet.music.parent) in folders.text
    assert "holds 40 audio files" in checked.text
    assert "Covers and facts from the web" in checked.text
    assert "about 24 s on this machine" in checked.text
    assert "Set where the fleet was started" in checked.text
    assert begun.headers["Location"].startswith("/scans?begun=")
    assert 'role="status" >The scan is done.' in scans.text
    assert gallery.text.count('class="card"') == 6


def test_a_folder_is_found_and_checked_with_the_keyboard_alone(
    open_page: Open, page_fleet: PageFleet
) -> None:
    page = open_page("folders")
    (page_fleet.music.parent / "more").mkdir(exist_ok=True)
    field = page.get_by_label("Folder on this machine")
    field.focus()
    page.keyboard.type(f"{page_fleet.music.parent}/m")
    offered = page.locator("#path-folders option")
    expect(offered).to_have_attribute("value", f"{page_fleet.music.parent}/more")
    page.keyboard.type("ore")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is empty")
    expect(page.get_by_label("Folder on this machine")).to_have_value(
        f"{page_fleet.music.parent}/more"
    )
    expect(page.get_by_role("link", name="Cover of")).to_have_count(0)


def test_search_suggests_as_one_types_and_the_keyboard_chooses(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("etud")
    option = page.get_by_role("option").filter(has_text="Études pour petites chambres").first
    expect(option).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Études pour petites chambres")


def test_search_shows_all_that_it_found(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("combobox", name="Search").fill("sea charts")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Albums")).to_be_visible()
    expect(page.get_by_role("link", name="Cover of Sea Charts").first).to_be_visible()


@pytest.mark.parametrize(
    ("filter_", "choice", "left"),
    [
        ("art", "Missing", 1),
        ("art", "From embedded", 1),
        ("genre", "Blues", 1),
        ("year", "2021", 1),
    ],
)
def test_a_filter_takes_effect_when_it_is_chosen(
    open_page: Open, filter_: str, choice: str, left: int
) -> None:
    page = open_page()
    page.locator(f"select[name={filter_}]").select_option(label=choice)
    expect(page.locator(".card")).to_have_count(left)
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".card")).to_have_count(6)


def test_an_album_shows_its_cover_tracks_and_where_it_comes_from(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("link", name="Cover of Sea Charts").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sea Charts")
    expect(page.get_by_role("heading", name="Disc 2")).to_be_visible()
    assert page.locator(".tracks > li").count() > 5
    assert all_pictures_are_there(page) >= 1
    page.locator(".artists a").first.click()
    expect(page.locator(".kind")).to_have_text("Artist")


def test_a_picture_is_chosen_uploaded_and_undone_on_the_page(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("link", name="Cover of Field Notes").click()
    expect(page.locator(".facts", has_text="No cover: no cover in")).to_contain_text("no provider")
    page.get_by_role("link", name="Pictures").click()
    for body, says in (
        (b"This is no picture.", "The picture cannot be shown: the format"),
        (picture("teal"), "You chose mine.jpg (uploaded)."),
    ):
        sent: FilePayload = {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": body}
        page.get_by_label("Another picture").set_input_files(sent)
        page.get_by_role("button", name="Upload for Front").click()
        expect(page.get_by_text(says)).to_be_visible()
    expect(page.get_by_text("Chosen by you")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Nothing was found. Looked for")).to_be_visible()


_PASTE = """(bytes) => {
  const given = new DataTransfer();
  given.items.add(new File([new Uint8Array(bytes)], "image.png", {type: "image/png"}));
  document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: given}));
}"""


def test_an_animated_and_a_pasted_picture_are_taken_and_of_two_choices_the_last_one_holds(
    open_page: Open,
) -> None:
    page = open_page()
    page.get_by_role("link", name="Cover of Field Notes").click()
    page.get_by_role("link", name="Pictures").click()
    expect(page.locator("nav a[aria-current=page]")).to_have_text("Albums")
    other = page.context.new_page()  # somebody else, who has the same page open
    other.goto(page.url)
    moving = io.BytesIO()
    frames = [Image.new("RGB", (400, 400), colour) for colour in ("teal", "navy")]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    sent: FilePayload = {"name": "m.gif", "mimeType": "image/gif", "buffer": moving.getvalue()}
    page.get_by_label("Another picture").set_input_files(sent)
    page.get_by_role("button", name="Upload for Front").click()
    expect(page.get_by_text("You chose m.gif (uploaded).")).to_be_visible()
    other.evaluate(_PASTE, list(picture("maroon", form="PNG")))
    expect(other.get_by_text("You chose image.png (uploaded).")).to_be_visible()
    page.reload()
    expect(page.get_by_text("You chose image.png (uploaded).")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Nothing was found. Looked for")).to_be_visible()
    other.close()


def test_failed_covers_are_tried_again_once_their_number_was_seen(
    open_page: Open, page_fleet: PageFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_album = (LedgerRow.kind == Kind.COVER) & (LedgerRow.entity_type == EntityType.ALBUM)
    here = of_album & (LedgerRow.entity_id == 1)
    with page_fleet.library(monkeypatch):
        LedgerRow.update(state=State.FAILED, reason="it was away").where(here).execute()
        page = open_page("queues")
        page.get_by_label("Failed of deferred_covers again").click()
        expect(page.locator(".again")).to_contain_text("album cover1 in 1 job")
        page.get_by_role("button", name="Enqueue 1 job").click()
        expect(page.get_by_role("article", name="deferred_covers")).to_be_visible()
        until(lambda: LedgerRow.get(here).state in {State.DONE, State.NONE})


def test_an_export_is_tried_begun_and_undone(open_page: Open, page_fleet: PageFleet) -> None:
    folder = page_fleet.music.parent / "tables"
    page = open_page("exports")
    page.get_by_label("Folder for the tables").fill(str(folder))
    page.get_by_role("button", name="Dry run of tables").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing was changed yet. 3 files written.")
    assert not folder.exists()
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_label("Last exports").get_by_role("listitem").first).to_contain_text("done")
    assert sorted(each.name for each in folder.iterdir()) == [
        "albums.json",
        "artists.json",
        "tracks.json",
    ]
    page.get_by_role("button", name=f"Undo JSON in {folder}").click()
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_label("Last exports")).to_contain_text("taken back")
    until(lambda: not folder.exists())


def test_arrows_move_through_the_grid_and_tab_skips_to_it(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    covers = page.locator("a.cover")
    covers.first.focus()
    page.keyboard.press("ArrowRight")
    expect(covers.nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(covers.first).to_be_focused()


def test_it_is_dark_where_the_system_is_and_as_the_user_says(open_page: Open) -> None:
    assert min(ground(open_page(scheme="light"))) > 200
    page = open_page(scheme="dark")
    assert max(ground(page)) < 60
    page.get_by_label("Change between light and dark").click()
    assert min(ground(page)) > 200
    page.goto("queues")
    assert min(ground(page)) > 200
    page.goto("rq/")
    assert min(ground(page)) > 200


def test_every_page_serves_whoever_uses_it(
    open_page: Open, page_fleet: PageFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By axe-core, and with the keyboard alone: wide and light, narrow and dark."""
    with page_fleet.library(monkeypatch):
        ids = [track.id for track in Track.select().order_by(Track.id).limit(3)]
        give_vectors(dict(zip(ids, ([1, 0, 0], [0, 1, 0], [0, 0, 9]), strict=True)))
        give_clusters({"Some": ids})
        app = create_app(ADDRESS, "a password", threading.Event())
        door = app.test_client().get("/login", base_url=page_fleet.url).text
    page = open_page("health")
    more = (f"/tracks/{ids[0]}", "/artists?all=1", "/search?q=a", f"/path?from=a&to=track:{ids[1]}")
    found = {path: faults(page) for path in Site(app, page_fleet.url).walk(page, more)}
    nothing = page.request.get("none", headers={"Accept": "text/html"}).text()
    _, where, choices, *_ = (each.text for each in page_fleet.first_run)
    others = {"login": door, "none": nothing, "where": where, "choices": choices}
    for path, body in others.items():
        page.route(f"**/{path}", answering(body))
        page.goto(path)
        found[path] = faults(page)
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    expect(page.get_by_role("combobox", name="Search")).to_be_visible()
    assert {path: each for path, each in found.items() if each} == {}
    assert len(found) > 20


def test_without_scripts_it_still_searches_and_filters(tab_without_scripts: Tab) -> None:
    page = tab_without_scripts.page
    page.goto("?art=missing")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("button", name="Apply")).to_be_visible()


def test_the_map_names_its_tracks_to_the_keyboard_and_the_pointer(
    open_page: Open, page_fleet: PageFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with page_fleet.library(monkeypatch):
        ids = [track.id for track in Track.select().order_by(Track.id).limit(3)]
        titles = [Track.get_by_id(each).title for each in ids]
        give_vectors(dict(zip(ids, ([1, 0, 0], [0, 1, 0], [0, 0, 9]), strict=True)))
        give_clusters({"First ones": ids})
    page = open_page("map")
    svg, tip = page.get_by_role("application", name="Map of the library"), page.locator("#map-tip")
    expect(svg.locator("path")).to_have_count(3)
    page.get_by_role("link", name="Path between two tracks").focus()
    page.keyboard.press("Tab")
    expect(tip).to_be_visible()
    told = set()
    for key in ("ArrowLeft", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
        told.add(tip.get_by_role("link").inner_text())
    assert told == set(titles)
    expect(tip).to_contain_text("First ones")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    svg.locator("path").first.hover(force=True)
    named = tip.get_by_role("link").inner_text()
    page.get_by_role("application").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(named)


def test_without_scripts_the_map_is_a_list_of_clusters(
    tab_without_scripts: Tab, page_fleet: PageFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with page_fleet.library(monkeypatch):
        give_clusters({"Listed": [track.id for track in Track.select().limit(2)]})
    page = tab_without_scripts.page
    page.goto("map")
    expect(page.get_by_role("application")).to_be_hidden()
    page.get_by_role("link", name="Listed", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Listed 2 tracks")


def test_the_progress_of_a_scan_moves_by_itself(open_page: Open, page_fleet: PageFleet) -> None:
    halted = page_fleet.orders.give("started", "batch.process_entities")
    page = open_page("scans")
    copy = page_fleet.music.parent / "again"
    shutil.copytree(page_fleet.music / "Los Faroles", copy / "Los Faroles")
    scan = page_fleet.command.start("scan", str(copy))
    halted.halted()
    stage = page.locator("[data-stage='find files']")
    expect(stage).to_be_visible()
    expect(page.locator("#progress-title")).to_have_text(str(copy))
    expect(page.locator("[data-stage=extract] .count")).to_have_text("7 / 7")
    expect(page.locator("[data-stage=insert] .count")).to_have_text("0 / 7")
    halted.release()
    expect(page.locator("#progress-done")).to_be_visible()
    expect(page.locator("#history tbody tr")).to_have_count(2)
    scan.communicate(timeout=PATIENCE)


def test_a_folder_is_scanned_again_by_its_button(open_page: Open, page_fleet: PageFleet) -> None:
    page = open_page("scans")
    before = page.locator("#history tbody tr").count()
    folder = page.locator(".lines li").filter(has_text=str(page_fleet.music))
    folder.get_by_role("button", name="Scan again").click()
    expect(page.locator("#history tbody tr")).to_have_count(before + 1)


def test_the_queues_show_who_consumes_and_are_paused_and_resumed(open_page: Open) -> None:
    page = open_page("queues")
    card = page.get_by_role("article", name="extract", exact=True)
    expect(card.get_by_text("metadata", exact=True)).to_be_visible()
    card.get_by_role("button", name="Pause extract").click()
    expect(card.get_by_text("paused")).to_be_visible()
    cards = page.get_by_role("article").count()  # before the page is left for the next one
    page.get_by_role("button", name="Pause all").click()
    expect(page.get_by_text("paused", exact=True)).to_have_count(cards)
    page.get_by_role("button", name="Resume all").click()
    expect(page.get_by_text("paused", exact=True)).to_have_count(0)
    more = page.get_by_role("article", name="deferred_covers").get_by_label("process more")
    more.focus()
    more.evaluate("each => each.dataset.is = 'former'")
    expect(more).not_to_have_attribute("data-is", "former")  # the cards were made new
    expect(more).to_be_focused()
    thumbnails = page.get_by_role("article", name="thumbnails", exact=True)
    thumbnails.get_by_role("button", name="One process more of covers").click()
    expect(thumbnails.get_by_text("2 processes run", exact=True)).to_be_visible()
    thumbnails.get_by_role("button", name="One process less of covers").click()
    expect(thumbnails.get_by_text("1 process runs", exact=True)).to_be_visible()


def test_a_running_job_is_cancelled_on_its_page(open_page: Open, page_fleet: PageFleet) -> None:
    order = page_fleet.orders.give("started", "maintenance.optimize_database")
    page_fleet.command("enqueue", "maintenance.optimize_database")
    busy = order.halted()
    page = open_page(f"jobs/{busy.job}")
    expect(page.get_by_text("running").first).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("maintenance.optimize_database")
    for _ in range(600):
        if page.get_by_text("cancelled while it ran").count():
            break
        page.wait_for_timeout(100)
        page.reload()
    expect(page.get_by_text("cancelled while it ran")).to_be_visible()
    page_fleet.redis.delete(f"rq:job:{busy.job}")


def test_problems_are_listed(open_page: Open) -> None:
    page = open_page("health")
    expect(page.get_by_text("versions", exact=True)).to_be_visible()
    page.get_by_role("link", name="Files").click()
    expect(page.get_by_role("link", name="Files 0")).to_be_visible()


def test_rq_dashboard_lists_queues_and_busy_workers(open_page: Open, page_fleet: PageFleet) -> None:
    halted = page_fleet.orders.give("started", "maintenance.cleanup_expired_tasks")
    page_fleet.command("enqueue", "maintenance.cleanup_expired_tasks")
    busy = halted.halted()
    page = open_page("rq/")
    expect(page.get_by_role("cell", name="deferred_covers")).to_be_visible()
    page.get_by_role("link", name="Workers").click()
    row = page.locator("tr", has_text="metadata-1")
    expect(row.get_by_role("link")).to_contain_text("maintenance.cleanup_expired_tasks")
    expect(page.locator("tr", has_text="library-1")).to_contain_text("idle")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name=busy.job)).to_be_visible()
    halted.release()


def test_a_failed_job_is_requeued_in_rq_dashboard_and_done(
    open_page: Open, page_fleet: PageFleet
) -> None:
    originals = page_fleet.command.data_dir / "images" / "originals"
    original = next(each for each in originals.rglob("*") if each.is_file())
    hidden = original.rename(Path(f"{originals.parent}/{original.name}"))
    job_id = failed_thumbnail(page_fleet, original.name)
    page = open_page("rq/0/view/jobs/thumbnails/failed/8/asc/1")
    row = page.locator(f"tr[data-job-id='{job_id}']")
    expect(row.locator("pre.exc_info")).to_contain_text("is lost — run `fleet doctor --fix`")
    hidden.rename(original)
    row.get_by_role("link", name="Requeue").click()
    expect(row).to_have_count(0)
    job = Job.fetch(job_id, page_fleet.redis, JSONSerializer)
    until(lambda: job.get_status() is JobStatus.FINISHED)


def test_a_description_with_html_is_text_in_rq_dashboard(
    open_page: Open, page_fleet: PageFleet
) -> None:
    evil = "/<img src=x onerror=alert(1)><script>alert(2)</script>"
    told = page_fleet.command("enqueue", "scan.discovery", f"root={evil}", "deep=false")
    assert told.returncode == 0, told.stderr
    job_id = told.stdout.strip()
    until(lambda: page_fleet.redis.zscore("rq:finished:scan", job_id) is not None)
    page = open_page("rq/0/view/jobs/scan/finished/8/dsc/1")
    row = page.locator(f"tr[data-job-id='{job_id}']")
    expect(row.locator(".description")).to_contain_text("onerror=alert(1)")
    row.locator(".job_id a").click()
    expect(page.locator(".description-scroll")).to_contain_text("onerror=alert(1)")


def failed_thumbnail(page_fleet: PageFleet, digest: str) -> str:
    """Have a thumbnail made of a picture that is lost; the job, once it has failed."""
    images = page_fleet.command.data_dir / "images"
    for made in images.glob(f"thumbnails/800/*/*/{digest}*"):
        made.unlink()  # a page has shown it before
    told = page_fleet.command(
        "enqueue", "covers.make_thumbnails", f"digest={digest}", "size=800"
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    until(lambda: page_fleet.redis.zcard("rq:failed:thumbnails") > 0)
    return str(page_fleet.redis.zrange("rq:failed:thumbnails", 0, 0)[0].decode())
