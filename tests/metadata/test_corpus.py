"""Real files that nobody here made, against what independent readers say of them."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.quality.corpus import REQUIRED_SHARE, Report, compare, main
from tests.corpus import corpus
from tests.music import write_track

REQUIRED = (
    *("title", "artist", "album", "albumartist", "track", "disc", "genre", "date"),
    *("duration", "rate", "channels"),
)


@pytest.fixture(scope="module")
def report() -> Report:
    """The whole corpus, read once."""
    return compare(corpus("truth.jsonl"))


@pytest.mark.parametrize("field", REQUIRED)
def test_a_field_is_read_as_others_read_it(field: str, report: Report) -> None:
    score = report.scores[field]
    assert score.files > 50
    assert score.share >= REQUIRED_SHARE, [d for d in report.differences if d.field == field]


def test_every_file_gives_a_result_and_none_kills_the_reader(report: Report) -> None:
    assert report.results == report.files > 900
    assert report.killed == []


def test_sound_files_give_tracks_and_others_do_not(report: Report) -> None:
    outcomes: Counter[tuple[str, bool]] = Counter()
    for (state, outcome), count in report.outcomes.items():
        outcomes[state, outcome == "track"] += count
    assert outcomes["unsupported", True] == 0
    lost = [file for state, file, *_ in report.unread if state == "ok"]
    assert [file for file in lost if not file.endswith(".mkv")] == []


def _small_corpus(folder: Path, title: str) -> Path:
    """A corpus of one file, whose title is said to be `title`."""
    track = write_track(folder / "audio/owner+repo/a.flac", title="Title", artist=["A", "B"])
    truth = {"title": [title], "artist": ["A; B"], "duration": 0.3, "rate": 48_000}
    row = {"repo": "owner/repo", "path": track.name, "state": "ok", "truth": truth}
    (folder / "truth.jsonl").write_text(json.dumps(row))
    return folder


def test_a_corpus_read_as_agreed_passes(tmp_path: Path) -> None:
    assert main([str(_small_corpus(tmp_path, "Title"))]) == 0


def test_a_field_read_otherwise_fails_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(_small_corpus(tmp_path, "Other"))]) == 1
    line = "owner+repo/a.flac: title: expected ['Other'], got 'Title'"
    assert line in capsys.readouterr().out


def test_the_report_may_be_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(_small_corpus(tmp_path, "Other")), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (report["passed"], report["fields"]["title"]["wrong"]) == (False, 1)


def test_a_folder_without_a_corpus_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert f"{tmp_path}/truth.jsonl is missing" in capsys.readouterr().err
