"""`python -m bench`: one command for all benches, and the figures that they keep."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.__main__ import BENCHES, main
from bench.command import UNUSABLE
from bench.libraries.music import Form, make, open_library, retag
from bench.record import plot, results
from bench.record.results import Result, Table
from jobs.metadata.reader import read_files
from jobs.records import FoundFile, TrackRecord

ASKED = ("scan", "rescan", "covers", "idle", "growth", "page", "queue", "audio", "profile")
SMALL = Form((64, 96), 0.1)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_a_name_it_lists_every_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = re.findall(r"^  ([a-z]+) ", capsys.readouterr().out, re.MULTILINE)
    assert shown == list(BENCHES)
    assert set(ASKED) <= set(shown)


def test_a_wrong_name_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pagee"]) == UNUSABLE
    assert "there is no bench 'pagee': did you mean page?" in capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHES)
def test_each_bench_says_how_it_is_called_and_how_it_ends(name: str) -> None:
    spec = find_spec(f"bench.{BENCHES[name].module}")
    assert spec is not None
    source = Path(str(spec.origin)).read_text(encoding="utf-8")
    assert f"    python -m bench {name}" in source
    assert "def main(arguments: Sequence[str]" in source


def test_a_peer_that_does_not_exist_is_named() -> None:
    ended = bench("scan", "--tracks", "1", "--only", "mpf")
    assert ended.returncode == UNUSABLE
    assert "there is no peer 'mpf' — choose of musicfleet,bare loop,mpd" in ended.stderr


def test_a_library_has_what_its_manifest_says(tmp_path: Path) -> None:
    library = make(tmp_path / "library", 60, seed=3, form=SMALL)
    assert open_library(tmp_path / "library") == library
    paths = [each for each in library.music.rglob("*") if each.suffix != ".jpg" and each.is_file()]
    found = [FoundFile(str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in paths]
    records = [each for each in read_files(found) if isinstance(each, TrackRecord)]
    assert len(records) == library.tracks == 60
    assert len({each.tags.album for each in records}) == library.albums


def test_a_share_of_the_tracks_is_tagged_again(tmp_path: Path) -> None:
    library = make(tmp_path / "library", 20, form=SMALL)
    before = {each: each.read_bytes() for each in library.music.rglob("*.*")}
    changed = retag(library, 0.1)
    assert len(changed) == 2
    assert sorted(changed) == sorted(each for each in before if each.read_bytes() != before[each])


TABLE = Table(("wall s", "covers"), (("ours", 1.5, "all"), ("<mpd>", 3, None)), plotted="wall s")


def test_a_result_is_kept_with_its_machine_and_read_again(tmp_path: Path) -> None:
    result = Result("scan", "python -m bench scan", "A scan", TABLE, {"mpd": "0.23"}, load=0.75)
    kept = results.read(results.write(result, tmp_path))
    assert (kept.machine, kept.date, kept.versions) == (
        result.machine,
        result.date,
        {"mpd": "0.23"},
    )
    assert [list(row) for row in kept.table.rows] == [["ours", 1.5, "all"], ["<mpd>", 3, None]]
    assert kept.is_busy


def test_a_plot_has_a_bar_for_each_row_as_long_as_its_number() -> None:
    drawn = plot.bars("A scan", TABLE)
    ours, mpd = (int(each) for each in re.findall(r'y="\d+" width="(\d+)" height="18"', drawn))
    assert mpd == 2 * ours
    assert "&lt;mpd&gt;" in drawn
    assert "A scan: wall s" in drawn
