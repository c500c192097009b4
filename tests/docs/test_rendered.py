"""What the documentation and the committed configuration say is what the code says."""

import importlib.util
import re
from types import ModuleType

import pytest

from bench.record.results import Result, Table
from db.models import TABLES
from db.settings.declarations import SETTINGS, Setting
from tests import PACKAGES
from tests.docs.pages import ROOT
from worker.cli.config import as_markdown
from worker.cli.fleet import COMMANDS
from worker.errors import ExitCode
from worker.supervisor.conf_file import beside, render
from worker.supervisor.instance import committed
from worker.topology import load
from worker.topology.queues_toml import profiles

NOT_SETTINGS = {"FLEET_PROGRAM", "FLEET_SCHEDULES"}
"""What `fleet up` sets for the processes that it starts."""


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render", ROOT / "docs/render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(document: str) -> str:
    return " ".join((ROOT / document).read_text(encoding="utf-8").split())


@pytest.mark.parametrize("name", ["queues.toml", *(f"queues.{each}.toml" for each in profiles())])
def test_supervisord_conf_is_what_queues_toml_says(name: str) -> None:
    text = beside(ROOT / name).read_text(encoding="utf-8")
    topology = load(ROOT / name)
    assert text == render(topology, committed(topology)), "run `fleet config write`"


def test_the_page_of_jobs_has_the_queue_table_of_queues_toml() -> None:
    table = as_markdown(load(ROOT / "queues.toml"))
    assert table in (ROOT / "docs/jobs.md").read_text(encoding="utf-8"), "run `make docs`"


def test_what_a_job_leaves_is_in_tables_that_exist(tables: ModuleType) -> None:
    columns = {
        f"{table._meta.table_name}.{column}" for table in TABLES for column in table._meta.columns
    }
    known = {table._meta.table_name for table in TABLES} | columns
    known |= load(ROOT / "queues.toml").routes.keys()
    for job, written in tables.written_jobs().items():
        assert written.keys() <= {"from", "person", "leaves", "seen"}, job
        assert set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", written["leaves"])) <= known, job


def test_the_page_of_jobs_describes_each_job_and_no_other(tables: ModuleType) -> None:
    assert tables.written_jobs().keys() == load(ROOT / "queues.toml").routes.keys()


@pytest.mark.parametrize("job", load(ROOT / "queues.toml").routes)
def test_somebody_is_named_who_enqueues_the_job(tables: ModuleType, job: str) -> None:
    topology, written = load(ROOT / "queues.toml"), tables.written_jobs()[job]
    sources = list(tables.sources(topology, job, written))
    assert sources, (
        f"name a schedule in queues.toml, or `from` or `person` in docs/jobs.toml: {job}"
    )
    assert "person" not in written or len(sources) == 1, "others enqueue it too: leave out `person`"
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", written.get("from", "")))
    assert named <= topology.routes.keys() | {"queues.toml"}


@pytest.mark.parametrize("job", load(ROOT / "queues.toml").routes)
def test_what_the_job_leaves_is_shown_somewhere(tables: ModuleType, job: str) -> None:
    written = tables.written_jobs()[job]
    assert written["leaves"].strip()
    commands = re.findall(r"`fleet ([a-z-]+)", written["seen"])
    assert set(commands) <= COMMANDS.keys()
    pages = set(re.findall(r"[Pp]ages? \*([A-Za-z]+)\*", written["seen"]))
    assert pages <= shown_pages()
    assert commands or pages or _ELSEWHERE.search(written["seen"]), written["seen"]


_ELSEWHERE = re.compile(r"\bpages?\b|\bplaceholder\b")
"""The page of one album, artist, track or job, and what is in any page."""


def shown_pages() -> set[str]:
    """The titles of the pages of the web UI."""
    folder = ROOT / "web/templates"
    texts = [file.read_text(encoding="utf-8") for file in folder.glob("*.html")]
    titles = {title for text in texts for title in re.findall(r"title %}([A-Z][a-z]+){%", text)}
    return titles | set(re.findall(r"'([A-Z][a-z]+)'", (folder / "base.html").read_text()))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_each_setting_is_documented_with_its_default_and_meaning(setting: Setting) -> None:
    row = f"| `{setting.name}` | {setting.default} | {setting.help} |"
    assert " ".join(row.split()) in words("docs/settings.md"), "run `make docs`"


def test_each_variable_that_the_code_reads_is_a_setting() -> None:
    code = [file for name in PACKAGES for file in (ROOT / name).rglob("*.py")]
    read = {name for file in code for name in re.findall(r'"(FLEET_[A-Z_]+)"', file.read_text())}
    of_files = {f"{setting.name}_FILE" for setting in SETTINGS if setting.secret}
    assert read - NOT_SETTINGS - of_files == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: code.name)
def test_each_exit_code_is_documented(code: ExitCode) -> None:
    assert f"| `{code:d}` | {code.meaning} |" in words("docs/operating.md"), "run `make docs`"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_documented(command: str) -> None:
    assert f"| `fleet {command}` |" in words("docs/tour.md"), "run `make docs`"


def test_a_table_that_differs_is_rendered_anew(tables: ModuleType) -> None:
    stale = "before\n<!-- queues -->\n| old |\n<!-- /queues -->\nafter"
    table = as_markdown(load(ROOT / "queues.toml"))
    assert tables.rendered(stale) == (
        f"before\n<!-- queues -->\n\n{table}\n\n<!-- /queues -->\nafter"
    )


def test_every_table_and_plot_of_the_documents_is_as_rendered(tables: ModuleType) -> None:
    for name, expected in tables.files():
        assert (ROOT / name).read_text(encoding="utf-8") == expected, f"{name}: run `make docs`"
    plots = {
        file.stem.removeprefix("bench-") for file in (ROOT / "docs/images").glob("bench-*.svg")
    }
    assert plots == tables.measured().keys(), "a plot is of no result"


def test_figures_of_a_busy_machine_say_so(tables: ModuleType) -> None:
    table = Table(("wall s", "covers"), (("ours", 1234.5, None),), plotted="wall s")
    result = Result("scan", "python -m bench scan", "A scan", table, {"mpd": "0.23"}, load=0.8)
    shown = tables.figures(result)
    assert "| ours | 1,234.5 |  |" in shown
    assert "**at a load of 0.8 a core**" in shown
    assert "](images/bench-scan.svg)" in shown


@pytest.mark.parametrize("package", PACKAGES)
def test_the_image_is_built_from_each_package(package: str) -> None:
    assert f"!{package}\n" in (ROOT / ".dockerignore").read_text(encoding="utf-8")
