"""Reads a folder of real files and compares with what independent readers say of them.

    python -m bench tags PATH [--json]

PATH holds truth.jsonl and audio/OWNER+REPO/PATH. Every file is read through the door that the fleet
uses; files of state "ok" are compared field by field, the others must only give a result. Exit
code 0: every required field is right in at least 98 % of its files, and every file gave a result;
1: not so; 2: the folder cannot be used.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.command import FAILED, PASSED, UNUSABLE, UnusableRunError, parser
from bench.quality.corpus_fields import FIELDS, Field
from db.sql import path_text
from jobs.metadata.reader import read_files
from jobs.records import FoundFile, ProblemCode, TrackRecord, UnreadFile

REQUIRED_SHARE = 0.98
COMPARED_STATE = "ok"

_KILLED = (ProblemCode.CRASHED, ProblemCode.TOO_SLOW, ProblemCode.TOO_MUCH_MEMORY)


@dataclass(frozen=True)
class Difference:
    """A field of a file that was read otherwise than agreed, or not at all."""

    file: str
    field: str
    expected: Any
    got: Any


@dataclass
class Score:
    """How often one field was read as agreed."""

    required: bool
    right: int = 0
    wrong: int = 0
    missing: int = 0

    @property
    def files(self) -> int:
        """How many files state the field."""
        return self.right + self.wrong + self.missing

    @property
    def share(self) -> float:
        """The right ones of all, 0 to 1."""
        return self.right / self.files if self.files else 1.0


@dataclass
class Report:
    """The comparison of a whole corpus."""

    scores: dict[str, Score] = field(
        default_factory=lambda: {row.truth: Score(row.required) for row in FIELDS}
    )
    differences: list[Difference] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Files by state and what became of them: "track" or a problem code."""
    unread: list[tuple[str, str, ProblemCode, str]] = field(default_factory=list)
    """State, file, code and message of each file without a track."""
    files: int = 0
    results: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every file gave a result and every required field is right often enough."""
        scores = (score for score in self.scores.values() if score.required)
        return self.files == self.results and all(s.share >= REQUIRED_SHARE for s in scores)

    @property
    def killed(self) -> list[str]:
        """The files that the reading process did not survive."""
        return [file for _, file, code, _ in self.unread if code in _KILLED]


def compare(corpus: Path) -> Report:
    """Read every file of the corpus and hold it against the truth.

    Raises UnusableRunError when truth.jsonl or a file it names is missing.
    """
    rows = _rows(corpus)
    names = [f"{row['repo'].replace('/', '+')}/{row['path']}" for row in rows]
    found = [_found(corpus / "audio" / name) for name in names]
    report = Report(files=len(rows))
    start = time.perf_counter()
    for row, name, result in zip(rows, names, read_files(found), strict=True):
        report.results += 1
        if isinstance(result, UnreadFile):
            report.outcomes[row["state"], result.code] += 1
            report.unread.append((row["state"], name, result.code, result.message))
        else:
            report.outcomes[row["state"], "track"] += 1
        if row["state"] == COMPARED_STATE:
            _compare_file(report, name, row["truth"], result)
    report.seconds = time.perf_counter() - start
    return report


def _rows(corpus: Path) -> list[dict[str, Any]]:
    truth = corpus / "truth.jsonl"
    if not truth.is_file():
        raise UnusableRunError(f"{truth} is missing: give the folder of a corpus")
    with truth.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _found(file: Path) -> FoundFile:
    try:
        status = file.stat()
    except FileNotFoundError as error:
        raise UnusableRunError(f"{file} is missing, which truth.jsonl names") from error
    return FoundFile(path_text.to_text(bytes(file.absolute())), status.st_size, status.st_mtime_ns)


def _compare_file(
    report: Report, name: str, truth: dict[str, Any], result: TrackRecord | UnreadFile
) -> None:
    for row in FIELDS:
        if row.truth in truth:
            got = row.got(result) if isinstance(result, TrackRecord) else None
            _count(report, row, name, truth[row.truth], got)


def _count(report: Report, row: Field, name: str, expected: Any, got: Any) -> None:
    score = report.scores[row.truth]
    if got is None or got == []:
        score.missing += 1
    elif row.same(expected, got):
        score.right += 1
        return
    else:
        score.wrong += 1
    report.differences.append(Difference(name, row.truth, expected, got))


def print_report(report: Report) -> None:
    """Print the tables: fields, differing files, outcomes by state, files without a track."""
    print(f"{'field':12} {'files':>5} {'right':>5} {'wrong':>5} {'missing':>7}   share")
    for name, score in report.scores.items():
        note = "" if score.required else "  (not required)"
        print(
            f"{name:12} {score.files:5} {score.right:5} {score.wrong:5} {score.missing:7}"
            f"  {score.share:6.1%}{note}"
        )
    print("\nfiles that differ")
    for each in report.differences:
        print(f"  {each.file}: {each.field}: expected {each.expected!r}, got {each.got!r}")
    print("\nfiles without a track")
    for state, file, code, message in report.unread:
        print(f"  {state}: {file}: {code}: {message}")
    print("\nstate        result            files")
    for (state, outcome), count in sorted(report.outcomes.items()):
        print(f"{state:12} {outcome:17} {count:5}")
    print(f"\n{report.results} of {report.files} files gave a result in {report.seconds:.2f} s.")
    killed = report.killed
    print(f"Files that cost the reading process: {len(killed)} {' '.join(killed)}".rstrip())
    if report.passed:
        print("Passed.")
    else:
        print(f"Failed: a required field is below {REQUIRED_SHARE:.0%}, or a file has no result.")


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "passed": report.passed,
        "files": report.files,
        "results": report.results,
        "seconds": report.seconds,
        "fields": {
            name: {**vars(score), "share": score.share} for name, score in report.scores.items()
        },
        "differences": [vars(each) for each in report.differences],
        "outcomes": [[*key, count] for key, count in sorted(report.outcomes.items())],
        "unread": [list(each) for each in report.unread],
        "killed": report.killed,
    }


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("tags", __doc__)
    options.add_argument("path", type=Path, help="folder with truth.jsonl and audio/")
    options.add_argument("--json", action="store_true", help="print JSON instead of tables")
    asked = options.parse_args(arguments)
    try:
        report = compare(asked.path)
    except UnusableRunError as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    if asked.json:
        print(json.dumps(as_json(report), ensure_ascii=False, indent=1))
    else:
        print_report(report)
    return PASSED if report.passed else FAILED
