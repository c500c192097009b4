"""The pages of a library: what is on them, and what names in it can do to them."""

import gzip
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask.testing import FlaskClient

from db.errors import BackupError
from db.maintenance.maintenance_runs import recorded_run
from db.models import (
    Album,
    Artist,
    Genre,
    HealthReport,
    Kind,
    LedgerRow,
    State,
    Track,
    database,
)
from db.scanning import problems, scans
from jobs.maintenance import archive_old_logs, generate_daily_health_report
from tests.web.conftest import SCRIPT, TAG, NewPage
from worker import dispatch
from worker.queues import paused

STATIC = re.compile(r'(?:src|href)="(/static/[^"]+)"')
IMPORTED = re.compile(r'from "\./([a-z]+\.js)"')


def titles(html: str) -> list[str]:
    """The albums of a gallery, in order."""
    return re.findall(r'<span class="title" title="([^"]*)"', html)


def album_id(title: str) -> int:
    return int(Album.get(Album.title == title).id)


def every_page(page: FlaskClient) -> list[str]:
    """A path of every page and piece of a page that shows what is in the library."""
    album, artist = album_id(SCRIPT), Artist.get(Artist.name == SCRIPT).id
    genre = Genre.get(Genre.name == SCRIPT).id
    job = dispatch.enqueue("scan.discovery", root=f"/{TAG}{SCRIPT}", deep=False)
    return [
        "/",
        f"/?genre={genre}&art={SCRIPT}&sort={SCRIPT}&year={SCRIPT}",
        "/artists?all=1",
        f"/albums/{album}",
        f"/artists/{artist}",
        "/search?q=script",
        f"/search?q={SCRIPT}",
        "/search/suggestions?q=script",
        "/scans",
        "/exports",
        f"/tracks/{Track.get(Track.title == SCRIPT).id}",
        f"/path?from={SCRIPT}&to={SCRIPT}",
        "/map",
        "/queues",
        "/queues/stages",
        "/queues/deferred_covers?state=failed",
        "/queues/deferred_covers/again/all",
        "/needs",
        "/health",
        "/maintenance",
        f"/logs?text={SCRIPT}&job={SCRIPT}&entity={SCRIPT}",
        "/history",
        f"/albums/{album}/life",
        f"/artists/{artist}/life",
        f"/tracks/{Track.get(Track.title == SCRIPT).id}/life",
        "/problems",
        f"/{SCRIPT}",
        f"/login?next={SCRIPT}",
        "/rq/",
        "/rq/0/view/jobs/scan/queued/8/asc/1",
        f"/rq/0/view/job/{job}",
        f"/rq/0/view/job/{SCRIPT}",
        "/rq/0/view/workers",
    ]


def test_no_name_in_the_library_becomes_html(page: FlaskClient) -> None:
    told = 0
    for path in every_page(page):
        html = page.get(path).text
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html, path
        told += "&lt;script&gt;alert" in html or "&lt;img src=x" in html
    assert told > 6


def test_what_rq_dashboard_tells_of_jobs_is_no_html(page: FlaskClient) -> None:
    dispatch.enqueue("scan.discovery", root=f"/{TAG}{SCRIPT}", deep=False)
    answer = page.get("/rq/0/data/jobs/scan/queued/8/asc/1.json")
    assert TAG in answer.text
    assert answer.mimetype == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        ("", {"Homogenic", "Bare", "Open", "&lt;script&gt;alert(1)&lt;/script&gt;"}),
        ("art=missing", {"Bare"}),
        ("art=folder", {"Homogenic"}),
        ("art=embedded", {"Open", "&lt;script&gt;alert(1)&lt;/script&gt;"}),
        ("year=2003", {"Bare", "Open"}),
        ("year=2003&art=missing", {"Bare"}),
        ("year=1850", set()),
    ],
)
def test_filters_show_what_fits(page: FlaskClient, query: str, fitting: set[str]) -> None:
    assert set(titles(page.get(f"/?{query}").text)) == fitting


def test_the_filter_of_a_genre_shows_its_albums(page: FlaskClient) -> None:
    jazz = Genre.get(Genre.name == "Jazz").id
    assert set(titles(page.get(f"/?genre={jazz}").text)) == {"Bare", "Open"}


def test_albums_are_sorted_as_was_asked_for(page: FlaskClient) -> None:
    by_title = titles(page.get("/?sort=title").text)
    by_year = titles(page.get("/?sort=year").text)
    assert by_title[1:] == ["Bare", "Homogenic", "Open"]
    assert by_year[2] == "Homogenic"  # before what has no year


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=99999999999999", "page=2&_external=1&endpoint=x", "genre=1e9",
     "genre=99999999999999999999", "year=%00%00", "sort=%ff", "art=%00", "page=2&page=3"],
)  # fmt: skip
def test_no_query_breaks_the_gallery(page: FlaskClient, query: str) -> None:
    assert page.get(f"/?{query}").status_code == 200


@pytest.mark.parametrize(
    "id_", ["0", "-1", "99", "2147483648", "9" * 30, "x", "1.5", "%00", "..%2f"]
)
@pytest.mark.parametrize("kind", ["albums", "artists"])
def test_an_album_or_artist_that_is_not_there_is_no_page(
    page: FlaskClient, kind: str, id_: str
) -> None:
    assert page.get(f"/{kind}/{id_}").status_code == 404


def test_an_album_shows_its_tracks_and_where_the_cover_is_from(page: FlaskClient) -> None:
    html = page.get(f"/albums/{album_id('Homogenic')}").text
    assert html.index("Jóga") < html.index("Bachelorette")
    assert "600 \N{MULTIPLICATION SIGN} 600" in html
    assert "from folder" in html
    assert "Homogenic/cover.jpg" in html


def test_what_was_guessed_is_shown_with_what_it_was_guessed_from(page: FlaskClient) -> None:
    album = album_id("Homogenic")
    track = Track.get(Track.title == "Jóga").id
    Album.update(guessed={"date": "folder"}).where(Album.id == album).execute()
    guessed = {"title": "file name", "track": "file name", "album": "folder"}
    Track.update(guessed=guessed).where(Track.id == track).execute()
    assert "date from the folder" in page.get(f"/albums/{album}").text
    shown = "title, number from the file name; album from the folder"
    assert shown in page.get(f"/tracks/{track}").text
    assert (page.get(f"/albums/{album}.json").json or {})["tags"]["guessed"] == {"date": "folder"}
    assert (page.get(f"/tracks/{track}.json").json or {})["tags"]["guessed"] == guessed


def test_an_album_without_a_cover_says_where_one_was_looked_for(page: FlaskClient) -> None:
    html = page.get(f"/albums/{album_id('Bare')}").text
    assert "None was found" in html
    assert "Searched in cover.*, folder.*, front.*" in html


def test_a_missing_file_stays_on_its_album_and_says_so(page: FlaskClient) -> None:
    album = album_id("Homogenic")
    Track.update(missing_since="2026-01-02").where(Track.title == "Jóga").execute()
    html = page.get(f"/albums/{album}").text
    assert "The file is gone since 2026-01-02" in html
    assert "1 track " in html


@pytest.mark.parametrize("query", ["bjork", "BJÖRK", "björk homogenic", "joga", "bach"])
def test_search_finds_without_case_and_accents(page: FlaskClient, query: str) -> None:
    for path in ("/search", "/search/suggestions"):
        assert f"/albums/{album_id('Homogenic')}" in page.get(f"{path}?q={query}").text


@pytest.mark.parametrize("query", ["%25", "_", "'", "*", "[a-z]", "\\", "\x00", "x" * 5000])
def test_a_search_for_signs_finds_no_more_than_they_say(page: FlaskClient, query: str) -> None:
    answer = page.get("/search", query_string={"q": query})
    assert answer.status_code == 200
    assert "/albums/" not in answer.text


def test_what_was_left_out_is_a_note_on_the_page_of_problems(page: FlaskClient) -> None:
    text = "1 hidden, with music inside (.hack) — FLEET_HIDDEN=on takes it in"
    problems.record([problems.FileProblem("/music/new", problems.Stage.LEFT_OUT, "x", text)])
    html = page.get("/problems").text
    notes = html[html.index('id="left-out"') :]
    assert "/music/new" in notes
    assert text in notes


def test_problems_name_the_file_and_the_reason(page: FlaskClient) -> None:
    html = page.get("/problems").text
    assert "&lt;img src=x onerror=alert(2)&gt;.mp3" in html
    assert 'class="mark warning"' in html


def test_the_queues_tell_what_waits_and_that_nobody_consumes(page: FlaskClient) -> None:
    dispatch.enqueue("scan.discovery", root="/music", deep=False)
    html = page.get("/queues").text
    card = html.split('id="queue-scan"')[1].split("</article>")[0]
    assert re.search(r"<dt>Waiting</dt><dd>\s*<a [^>]*>1</a>", card)
    assert '<span class="mark error">no consumer</span>' in card
    assert html.index("What is going on") < html.index(card) < html.index("At rest")
    order = re.findall(r'id="queue-(\w+)"', html.split("At rest")[1])
    assert order == [name for name in dispatch.topology().queues if name in order]


def test_a_folder_is_scanned_again_once_at_a_time(page: FlaskClient, scanned: Path) -> None:
    (root,) = re.findall(r'name="root" value="([^"]+)"', page.get("/scans").text)
    for _ in range(2):
        assert page.post("/scans", data={"root": root}).status_code == 303
    assert dispatch.queue("scan").count == 1


def test_a_running_scan_is_cancelled_by_its_button(page: FlaskClient) -> None:
    scan_id = scans.start("/music/wrong", deep=False)
    (shown,) = re.findall(r'name="scan" value="(\d+)"', page.get("/scans").text)
    assert page.post("/scans/cancel", data={"scan": shown}).status_code == 303
    assert [scan.id for scan in scans.latest(1) if scan.fault == "cancelled"] == [scan_id]
    assert page.post("/scans/cancel", data={"scan": shown}).status_code == 303


@pytest.mark.parametrize("scan", ["", "0", "-1", "x", "9" * 400, "\u0663"])
def test_a_scan_that_there_is_not_cannot_be_cancelled(page: FlaskClient, scan: str) -> None:
    assert page.post("/scans/cancel", data={"scan": scan}).status_code == 404


@pytest.mark.parametrize("root", ["/", "/etc", "", "..", "x" * 9999])
def test_no_folder_is_scanned_that_was_not_before(page: FlaskClient, root: str) -> None:
    assert page.post("/scans", data={"root": root}).status_code == 404
    assert dispatch.queue("scan").count == 0


@pytest.mark.parametrize(
    "path", ["/", "/artists", "/tracks/1", "/map", "/path", "/queues", "/scans", "/search?q=a"]
)
def test_a_page_is_light_and_asks_no_other_host(page: FlaskClient, path: str) -> None:
    html = page.get(path).text
    total, seen = len(html.encode()), set()
    wanted = STATIC.findall(html)
    while wanted:
        url = wanted.pop().replace("&amp;", "&")
        if url in seen:
            continue
        seen.add(url)
        answer = page.get(url)
        assert answer.status_code == 200
        total += len(answer.data)
        wanted += [f"/static/{name}" for name in IMPORTED.findall(answer.text)]
    assert total < 200_000
    assert not re.search(r'(?:src|href|action|data-url)="(?!/|#)', html)


def test_every_picture_has_an_alternative(page: FlaskClient) -> None:
    for path in ("/", "/artists?all=1", f"/albums/{album_id('Homogenic')}", "/search?q=o"):
        html = page.get(path).text
        pictures = re.findall(r"<img [^>]*>", html)
        assert len(pictures) > 1 or "artists" in path
        assert all(" alt=" in each for each in pictures)
    assert 'alt="Cover of Homogenic"' in page.get("/").text


def test_covers_load_late_over_their_colour(page: FlaskClient) -> None:
    html = page.get("/").text
    assert re.findall(r'<rect [^>]*fill="#[0-9a-f]{6}"', html)
    assert re.findall(r'data-hash="[A-Za-z0-9+/=]{20,}"', html)
    found = page.get("/search?q=o").text
    assert 'loading="lazy"' in found


def test_files_of_the_page_are_kept_for_good_under_a_name_that_changes(page: FlaskClient) -> None:
    (url,) = re.findall(r'href="(/static/style\.css\?v=[0-9a-f]+)"', page.get("/").text)
    assert "max-age=31536000" in page.get(url).headers["Cache-Control"]
    assert "no-cache" in page.get("/static/style.css").headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/rq/static/../web.py",
        "/rq/static/%2e%2e/web.py",
    ],
)
def test_nothing_beside_the_static_files_is_sent(page: FlaskClient, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code in {404, 308}
    assert "import" not in answer.text


def test_every_album_is_on_exactly_one_page_of_a_long_gallery(page: FlaskClient) -> None:
    template = Track.get(Track.title == "Song").__data__
    for number in range(130):
        album = Album.create(key=f"long {number}", title=f"Long {number:03}", compilation=False)
        Track.create(**template | {"id": None, "path": f"/{number}", "album": album.id})
    seen, url = [], "/?sort=title&year="
    while url:
        html = page.get(url).text
        seen += titles(html)
        links = re.findall(r'rel="next" href="([^"]+)"', html)
        url = links[0].replace("&amp;", "&") if links else ""
    assert len(seen) == len(set(seen)) == 134
    assert sorted(seen[1:]) == seen[1:]


def test_the_queues_show_the_hosts_that_share_the_work(
    page: FlaskClient, queues: redis.Redis
) -> None:
    assert "<h2>Hosts</h2>" not in page.get("/queues").text
    for name in ("nas", "<b>big"):
        entry = {"name": name, "programs": ["covers", "web"], "place": f"{name}/boot/1"}
        queues.hset("fleet:hosts", name, json.dumps(entry))
    queues.sadd("fleet:sees:nas", "", "/music/a")
    html = page.get("/queues").text
    assert "&lt;b&gt;big</th><td>0</td><td>covers, web</td><td>all</td>" in html
    assert "nas</th><td>0</td><td>covers, web</td><td>/music/a</td>" in html
    found = page.get("/queues", headers={"Accept": "application/json"}).json or {}
    assert [each["name"] for each in found["hosts"]] == ["<b>big", "nas"]


def test_the_queues_tell_what_runs_by_the_clock_and_when_next(page: FlaskClient) -> None:
    html = page.get("/queues").text
    row = re.search(r"cleanup_expired_tasks</span>.*?</tr>", html)
    assert row
    assert re.search(r"<code>0 \*/4 \* \* \*</code>.*<td>20\d\d-\d\d-\d\d \d\d:00</td>", row[0])


def test_queues_are_all_paused_and_a_schedule_is_run_at_once(page: FlaskClient) -> None:
    assert page.post("/queues/pause").status_code == 303
    assert paused() == set(dispatch.topology().queues)
    assert page.post("/queues/resume").status_code == 303
    assert paused() == set()
    for _ in range(2):
        assert page.post("/schedules/backup/run").status_code == 303
    assert [each.name for each in dispatch.held_jobs()] == ["maintenance.backup"]
    assert page.post("/schedules/nothing/run").status_code == 404


def test_failed_covers_are_tried_again_once_their_number_is_confirmed(page: FlaskClient) -> None:
    with database.connection_context():
        rows = LedgerRow.update(state=State.FAILED).where(LedgerRow.kind == Kind.COVER)
        count = rows.execute()
    html = page.get("/queues/deferred_covers/again/failed").text
    shown = re.findall(r'cover</span><span class="count">(\d+) in 1 job,', html)
    assert sum(map(int, shown)) == count
    assert "Enqueue 3 jobs" in html
    assert list(dispatch.held_jobs()) == []
    assert page.post("/queues/deferred_covers/again/failed").status_code == 303
    assert len(list(dispatch.held_jobs())) == 3
    assert "Nothing to do" in page.get("/queues/deferred_covers/again/failed").text
    assert "Enqueue 1 job<" in page.get("/queues/audio_analysis/again/all").text
    assert page.get("/queues/maintenance/again/all").status_code == 404
    assert page.get("/queues/deferred_covers/again/none").status_code == 404


@pytest.mark.parametrize(
    ("name", "count", "code"),
    [("covers", "2", 409), ("covers", "x", 400), ("covers", "", 400), ("covers", "9" * 400, 400)],
)
def test_a_program_gets_no_processes_where_the_fleet_is_down_or_for_no_number(
    page: FlaskClient, name: str, count: str, code: int
) -> None:
    assert page.post(f"/programs/{name}", data={"count": count}).status_code == code
    assert page.post(f"/programs/{name}-1/start").status_code == 409


def test_maintenance_shows_runs_and_the_daily_report(page: FlaskClient) -> None:
    assert "None has run yet" in page.get("/upkeep", follow_redirects=True).text
    archive_old_logs()
    generate_daily_health_report()
    with pytest.raises(BackupError, match="no space"):
        fail_at_backup()
    html = page.get("/maintenance").text
    assert "reports written: 1" in html
    assert "nothing to do" in html
    assert "&lt;b&gt;almost&lt;/b&gt;; failed: BackupError: no space" in html
    assert re.search(r'<th scope="row">deferred_covers</th><td class="n">', html)


def test_the_daily_report_shows_library_and_work_beside_the_day_before(page: FlaskClient) -> None:
    generate_daily_health_report()
    row = HealthReport.get()
    HealthReport.update(
        day=row.day - timedelta(days=1),
        library=[["tracks", 1234567]],
        work=[["album cover", 4321, 1]],
    ).execute()
    generate_daily_health_report()
    html = page.get("/maintenance").text
    assert re.search(r" tracks \(1.234.567 before\)", html)
    assert re.search(r'<th scope="row">album cover</th>.*<td class="n">4.321</td>', html)


def fail_at_backup() -> None:
    """Leave the record of a run that failed."""
    with recorded_run("maintenance.backup") as done:
        done.notes.append("<b>almost</b>")
        raise BackupError("no space")


def test_a_page_is_compressed_for_a_browser_that_takes_it_and_for_no_other(
    new_page: NewPage,
) -> None:
    page = new_page()
    plain = page.get("/")
    assert "Content-Encoding" not in plain.headers
    packed = page.get("/", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    assert b"<html" in gzip.decompress(packed.data)
    style = page.get("/static/style.css", headers={"Accept-Encoding": "gzip"})
    assert style.headers["Content-Encoding"] == "gzip"
    assert b":root" in gzip.decompress(style.data)


def test_the_pictures_of_an_album_say_who_is_missing_to_look_for_them(page: FlaskClient) -> None:
    album = Album.get(title="Bare").id
    assert (
        "No worker takes jobs of the queue thumbnails" in page.get(f"/albums/{album}/covers").text
    )
    assert page.get("/albums/999/covers").status_code == 404
    assert page.post(f"/albums/{album}/covers/upload", data={"role": "front"}).status_code == 400
    assert page.post(f"/albums/{album}/covers/web").status_code == 409
    gallery = page.get("/").text
    assert "No picture: no cover in" in gallery
    assert "not asked on the web: no provider is on" in gallery
