"""Problems: files that cost only themselves, each with its reason."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from peewee import Expression, fn

from db import ledger
from db.models import EntityType, Problem, utc_now
from db.scanning.library_files import Scope, folder_of
from db.scanning.selection import LeftOut, Note, note_text
from db.sql.path_text import is_under, shown
from db.sql.queries import among, below, below_asked, of_folders, slices, tuples
from db.sql.statements import insert_rows


class Stage(StrEnum):
    """What was done with a file when it had its problem."""

    SCAN = "scan"
    """A folder was listed."""
    READING = "metadata"
    """An audio file was read."""
    COVER = "cover"
    """A picture was decoded."""
    ANALYSIS = "analysis"
    """The sound was decoded."""
    LEFT_OUT = "left-out"
    """None: a scan left out of the folder what may be music. A note, and no error."""
    CUE_SHEET = "cue-sheet"
    """It says of what tracks a file is, and cannot be used. A note, and no error."""
    COMPANION = "companion"
    """It speaks of the music beside it, and could not be read. A note, and no error."""
    SURROUNDINGS = "surroundings"
    """Nothing: the surroundings keep work from being done. No such row is in the table."""


class FileProblem(NamedTuple):
    """A problem with a file."""

    path: str
    stage: Stage
    code: str
    """A `jobs.records.ProblemCode`."""
    message: str
    size: int | None = None
    """Of a file that is not read again before it changes, its size in bytes and its time."""
    mtime_ns: int | None = None
    reader: int = 0
    """Of an audio file, as `tracks.reader`."""


class SeenFile(NamedTuple):
    """The file as it was when it had its problem."""

    size: int | None
    mtime_ns: int | None
    reader: int
    is_video: bool
    """Whether it is left out for the video in it."""


def record(found: Sequence[FileProblem]) -> None:
    """Write problems. Of one that is known `first_seen` is kept."""
    columns = (*FileProblem._fields, "last_seen")
    now = utc_now()
    insert_rows(Problem, columns, [(*each, now) for each in found], unique=("path", "stage"))


def clear(paths: Sequence[str], stage: Stage) -> None:
    """Drop the problems that a stage had with these files, quarantine included."""
    for part in slices(paths):
        here = among(Problem.path, part) & (Problem.stage == stage)
        ids = [problem_id for (problem_id,) in tuples(Problem.select(Problem.id).where(here))]
        if ids:
            ledger.forget(EntityType.FILE, ids)
            Problem.delete().where(Problem.id.in_(ids)).execute()


def problem_id(path: str, stage: Stage) -> int:
    """The id of the problem that a stage had with this file."""
    problem = Problem.get(Problem.path == path, Problem.stage == stage)
    return int(problem.id)


def known_files(root: str, stage: Stage, scope: Scope | None = None) -> dict[str, SeenFile]:
    """The files below `root`, or in that part of it, that a stage had a problem with.

    They are as they were then.
    """
    columns = (Problem.path, Problem.size, Problem.mtime_ns, Problem.reader, Problem.code)
    query = Problem.select(*columns).where(Problem.stage == stage)
    places = [root] if scope is None else sorted({*scope.folders, *scope.trees})
    return {
        path: SeenFile(size, mtime_ns, reader, code == LeftOut.VIDEO)
        for place in places
        for path, size, mtime_ns, reader, code in tuples(query.where(_is_at(place)))
        if path != root and (scope is None or scope.holds(path))
    }


def known_paths(folders: Iterable[str], stage: Stage) -> list[str]:
    """The paths below these folders that a stage had a problem with."""
    columns, here = (Problem.path, Problem.stage), below_asked(Problem.path)
    found = of_folders([(folder, 0) for folder in folders], columns, here, Problem)
    # Not asked of the database: for that SQLite would make an index of the whole table each time.
    return sorted({path for path, its_stage in found if its_stage == stage})


_VIDEO = (Problem.stage == Stage.READING) & Problem.code.in_((LeftOut.VIDEO, "silent-video"))
_STANDS_ALONE = Problem.stage.in_((Stage.LEFT_OUT, Stage.CUE_SHEET, Stage.COMPANION))
_IS_NOTE = _STANDS_ALONE | _VIDEO
"""What was left out as it should be, though somebody may miss it: no error."""


def write_notes(root: str, found: Mapping[str, Note], scope: Scope | None) -> None:
    """Have the folders below `root`, or in that part of it, the notes that were found there.

    What is known already is not written.
    """
    places = [root] if scope is None else sorted({*scope.folders, *scope.trees})
    trees = Scope(trees=frozenset([root]) if scope is None else scope.trees)
    folders = frozenset() if scope is None else scope.folders
    columns = (Problem.path, Problem.code, Problem.message)
    query = Problem.select(*columns).where(Problem.stage == Stage.LEFT_OUT)
    known = {
        path: (code, message)
        for place in places
        for path, code, message in tuples(query.where(_is_at(place)))
        if path in folders or trees.holds(path)
    }
    clear([path for path in known if path not in found], Stage.LEFT_OUT)
    record(
        [
            FileProblem(path, Stage.LEFT_OUT, note.reason, note.text)
            for path, note in found.items()
            if known.get(path) != note
        ]
    )


def notes(root: str | None = None) -> list[Problem]:
    """What may be music and was left out, or what of it is below `root`, by folder; unsaved rows.

    The videos of a folder are one note.
    """
    here = Problem.select().order_by(Problem.path)
    if root is not None:
        here = here.where(_is_at(root))
    videos: dict[str, list[Problem]] = {}
    for each in here.where(_VIDEO):
        videos.setdefault(folder_of(each.path), []).append(each)
    found = [_note_of(folder, rows) for folder, rows in videos.items()]
    return sorted([*here.where(_STANDS_ALONE), *found], key=_by_place)


def _note_of(folder: str, videos: Sequence[Problem]) -> Problem:
    names = [shown(each.path.rpartition("/")[2]) for each in videos]
    return Problem(
        path=folder,
        stage=Stage.LEFT_OUT,
        code=LeftOut.VIDEO,
        message=note_text(LeftOut.VIDEO, names),
        first_seen=min(each.first_seen for each in videos),
        last_seen=max(each.last_seen for each in videos),
    )


def _by_place(note: Problem) -> tuple[str, str]:
    return note.path, note.code


def listed(root: str | None = None, *, one_by_one: bool = True) -> list[Problem]:
    """Every problem, or those below `root`, by path; notes are none.

    With `one_by_one` False without the files that `of_surroundings` has together in a line.
    """
    problems = Problem.select().where(~_IS_NOTE).order_by(Problem.path, Problem.stage)
    if root is not None:
        problems = problems.where(_is_at(root))
    if not one_by_one:
        together = [reason for reason, *_ in _many_unreadable()]
        problems = problems.where(~(_unreadable() & Problem.message.in_(together)))
    return list(problems)


_FEW = 20
"""So many files that cannot be read for the same reason are problems of their own."""


def _unreadable() -> Expression:
    here: Expression = (Problem.stage == Stage.READING) & (Problem.code == "unreadable")
    return here


def _many_unreadable() -> list[tuple[str, int, str, str]]:
    """The reasons for which many files cannot be read, how many, and the first and last path."""
    files = fn.COUNT(Problem.id)
    query = Problem.select(Problem.message, files, fn.MIN(Problem.path), fn.MAX(Problem.path))
    return list(tuples(query.where(_unreadable()).group_by(Problem.message).having(files > _FEW)))


def of_surroundings(folder: str | None = None) -> list[Problem]:
    """What waits for the surroundings, one problem for each cause and place; not saved rows.

    So are many files that cannot be read for the same reason: of a disk that fails, or a right that
    lacks. With a folder those that concern what lies there.
    """
    unreadable = [
        Problem(
            path=posixpath.commonpath([first, last]),
            stage=Stage.SURROUNDINGS,
            code="unreadable",
            message=f"{count:,} files below: {reason} — {_READABLE}",
        )
        for reason, count, first, last in _many_unreadable()
    ]
    waiting = [
        Problem(
            path=each.obstacle.place,
            stage=Stage.SURROUNDINGS,
            code=each.obstacle.cause,
            message=f"{each.text} — {each.obstacle.remedy}",
        )
        for each in ledger.waiting()
        if not each.obstacle.policy.is_expected
    ]
    found = [*waiting, *unreadable]
    return [each for each in found if folder is None or _concerns(each.path, folder)]


_READABLE = "see that the disk works and this user may read them; every scan tries them again"


def _is_at(place: str) -> Expression:
    """Whether a problem is of this file or folder, or of what lies below."""
    return (Problem.path == place) | below(Problem.path, place)


def _concerns(place: str, folder: str) -> bool:
    return is_under(place, folder) or is_under(folder, place)


def stages_below(root: str) -> Counter[str]:
    """How many problems each stage has below `root`; notes are none."""
    query = Problem.select(Problem.stage, fn.COUNT(Problem.id)).where(_is_at(root), ~_IS_NOTE)
    return Counter(dict(tuples(query.group_by(Problem.stage))))


def videos_below(root: str) -> int:
    """How many files below `root` were left out for the video in them."""
    return int(Problem.select().where(_is_at(root), _VIDEO).count())


def count() -> int:
    """How many problems there are; notes are none."""
    return int(Problem.select().where(~_IS_NOTE).count())


def problem_page(first: int, most: int) -> list[Problem]:
    """Up to `most` problems by path, from position `first` on."""
    ordered = Problem.select().where(~_IS_NOTE).order_by(Problem.path, Problem.stage)
    return list(ordered.limit(most).offset(first))


def problems_after(after: int, most: int) -> list[Problem]:
    """The next problems after this id, by id."""
    query = Problem.select().where(~_IS_NOTE, Problem.id > after).order_by(Problem.id)
    return list(query.limit(most))
