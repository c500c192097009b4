"""What is missing, failed or all of a kind of work is enqueued from the ledger."""

from collections.abc import Sequence

import pytest
import redis

from db import ledger
from db.models import Album, EntityType, Kind, State, Track
from db.sql.connection import transaction
from tests.databases import ON_SQLITE
from tests.queues.conftest import COVERS, PICTURES, Fleet, arguments_of, fetched, queue_named
from worker.errors import ExitCode

TRACK_COVERS = "covers.process_track_covers_batch"
ALBUM_COVERS = "covers.process_album_covers"


@pytest.fixture
def library(database: str, queues: redis.Redis) -> list[int]:
    """Two albums and six tracks, no row of the ledger yet; the ids of the tracks."""
    with transaction():
        for number in (1, 2):
            Album.create(key=f"album {number}")
        for number in range(6):
            Track.create(
                path=f"/m/{number}",
                folder="/m",
                group_folder="/m",
                codec="mp3",
                container="mp3",
                size=1,
                mtime_ns=1,
                content_id=str(number),
            )
    return [track.id for track in Track.select().order_by(Track.id)]


def settle(entity_ids: Sequence[int], state: State) -> None:
    """Bring the cover of these tracks to a state, through the ledger's own door."""
    with transaction():
        ledger.need(Kind.COVER, EntityType.TRACK, entity_ids)
    if state is State.TODO:
        return
    attempt = ledger.lease(Kind.COVER, EntityType.TRACK, entity_ids, "job:1", 600)
    if state is not State.LEASED:
        with attempt.settling() as mine:
            attempt.settle(ledger.Settled(each, state) for each in mine)


def enqueued() -> dict[str, list[int]]:
    """The ids that the waiting jobs are called with, by job."""
    ids: dict[str, list[int]] = {}
    job_ids = queue_named(COVERS).get_job_ids()
    for job_id, arguments in zip(job_ids, arguments_of(job_ids), strict=True):
        name = str(fetched(job_id).func_name).removeprefix("jobs.")
        ids.setdefault(name, []).extend(*arguments.values())
    return ids


def test_missing_is_whatever_was_never_settled(library: list[int], fleet: Fleet) -> None:
    todo, leased, done, none, failed, never = library
    settle([todo], State.TODO)
    settle([leased], State.LEASED)
    settle([done], State.DONE)
    settle([none], State.NONE)
    settle([failed], State.FAILED)
    assert fleet("enqueue", TRACK_COVERS, "--missing") == ExitCode.OK
    assert enqueued() == {TRACK_COVERS: [todo, never]}


def test_what_was_never_asked_for_is_in_the_ledger_before_its_job_is_enqueued(
    library: list[int], fleet: Fleet
) -> None:
    fleet("enqueue", TRACK_COVERS, "--missing")
    assert ledger.with_state(ledger.NEEDS[1], [State.TODO]) == library


def test_cancelled_is_what_was_cancelled_and_only_that_or_all_does_it_again(
    library: list[int], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    todo, leased, done, none, failed, _ = library
    settle([todo], State.TODO)
    settle([done], State.DONE)
    settle([none], State.NONE)
    settle([failed], State.FAILED)
    settle([leased], State.LEASED)
    need = ledger.need_for(Kind.COVER, EntityType.TRACK)
    assert ledger.cancel(need, library, "job") == 2
    assert sorted(ledger.with_state(need, [State.CANCELLED])) == [todo, leased]
    assert ledger.wake_failed() + ledger.wake_due() == 0
    assert fleet("enqueue", TRACK_COVERS, "--failed", "--dry-run") == ExitCode.OK
    assert "1 track in" in capsys.readouterr().out
    assert fleet("enqueue", TRACK_COVERS, f"track_ids=[{todo}]") == ExitCode.OK
    assert "1 cancelled" in capsys.readouterr().err
    assert enqueued() == {}
    of_reason = ("--cancelled", "--reason", "another reason")
    assert fleet("enqueue", TRACK_COVERS, *of_reason) == ExitCode.OK
    assert enqueued() == {}
    assert fleet("enqueue", TRACK_COVERS, "--cancelled") == ExitCode.OK
    assert enqueued() == {TRACK_COVERS: [todo, leased]}
    assert fleet("enqueue", TRACK_COVERS, "--failed", "--cancel") == ExitCode.OK
    assert ledger.with_state(need, [State.CANCELLED]) == [failed]
    assert fleet("enqueue", TRACK_COVERS, "--missing", "--reason", "x") == ExitCode.USAGE
    assert fleet("enqueue", TRACK_COVERS, "--cancel") == ExitCode.USAGE


def test_an_expired_lease_is_missing(library: list[int], fleet: Fleet) -> None:
    with transaction():
        ledger.need(Kind.COVER, EntityType.TRACK, library)
    ledger.lease(Kind.COVER, EntityType.TRACK, library[:1], "job:1", -1)
    ledger.lease(Kind.COVER, EntityType.TRACK, library[1:], "job:1", 600)
    fleet("enqueue", TRACK_COVERS, "--missing")
    assert enqueued() == {TRACK_COVERS: library[:1]}


def test_failed_is_what_failed_and_it_is_to_be_done_anew(library: list[int], fleet: Fleet) -> None:
    settle(library[:1], State.DONE)
    settle(library[1:2], State.FAILED)
    settle(library[2:3], State.QUARANTINED)
    fleet("enqueue", TRACK_COVERS, "--failed")
    assert enqueued() == {TRACK_COVERS: library[1:3]}
    assert ledger.with_state(ledger.NEEDS[1], [State.TODO]) == library[1:3]


def test_all_is_everything_settled_or_never_asked_for(library: list[int], fleet: Fleet) -> None:
    settle(library[:3], State.DONE)
    fleet("enqueue", TRACK_COVERS, "--all")
    assert enqueued() == {TRACK_COVERS: library}
    assert ledger.with_state(ledger.NEEDS[1], [State.TODO]) == library


def test_a_kind_means_it_for_every_type_of_entity(library: list[int], fleet: Fleet) -> None:
    assert fleet("enqueue", "cover", "--missing") == ExitCode.OK
    albums = [album.id for album in Album.select()]
    assert enqueued() == {TRACK_COVERS: library, ALBUM_COVERS: albums}


def test_a_stage_means_every_kind_of_its_jobs(library: list[int], fleet: Fleet) -> None:
    with transaction():
        ledger.need(Kind.PICTURE, EntityType.TRACK, library[:1])
    assert fleet("enqueue", "covers", "--missing") == ExitCode.OK
    assert list(enqueued()) == [PICTURES, TRACK_COVERS, ALBUM_COVERS]
    assert enqueued()[PICTURES] == library[:1]


def test_what_not_everyone_needs_is_not_missing_without_a_row(
    library: list[int], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("enqueue", "picture", "--missing") == ExitCode.OK
    assert enqueued() == {}
    assert "Nothing to do" in capsys.readouterr().err


def test_entities_and_jobs_are_counted(
    library: list[int], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet("enqueue", "cover", "--missing")
    told = capsys.readouterr()
    assert f"{TRACK_COVERS}: 6 tracks in 1 job" in told.err
    assert f"{ALBUM_COVERS}: 2 albums in 1 job" in told.err
    assert told.out.split() == queue_named(COVERS).get_job_ids()


def test_a_job_takes_no_more_than_its_kind_allows(
    database: str, queues: redis.Redis, fleet: Fleet
) -> None:
    most = ledger.need_for(Kind.PICTURE, EntityType.TRACK).per_job
    with transaction():
        ledger.need(Kind.PICTURE, EntityType.TRACK, range(1, 2 * most + 21))
    fleet("enqueue", "picture", "--missing")
    counts = [len(each["track_ids"]) for each in arguments_of(queue_named(COVERS).get_job_ids())]
    assert counts == [most, most, 20]


@ON_SQLITE
@pytest.mark.parametrize("which", ["--missing", "--failed", "--all"])
def test_a_dry_run_enqueues_and_asks_for_nothing(
    which: str, library: list[int], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(library[:2], State.FAILED)
    before = ledger.counts()
    assert fleet("enqueue", "covers", which, "--dry-run") == ExitCode.OK
    assert ledger.counts() == before
    assert enqueued() == {}
    count = {"--missing": 4, "--failed": 2, "--all": 6}[which]
    assert f"Would enqueue {TRACK_COVERS}: {count} tracks in 1 job" in capsys.readouterr().out


def test_a_dry_run_of_a_job_says_where_it_would_go(
    library: list[int], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("enqueue", PICTURES, f"track_ids={library}", "--dry-run") == ExitCode.OK
    assert f"Would enqueue {PICTURES} in {COVERS}" in capsys.readouterr().out
    assert queue_named(COVERS).count == 0


def test_a_kind_without_a_choice_of_what_is_refused(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("enqueue", "covers") == ExitCode.USAGE
    assert "add --missing, --failed, --cancelled or --all" in capsys.readouterr().err


def test_a_kind_that_is_none_is_refused_with_the_nearest(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("enqueue", "cver", "--missing") == ExitCode.BAD_INPUT
    assert "did you mean cover" in capsys.readouterr().err


def test_a_job_without_rows_is_refused_with_those_that_have_some(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("enqueue", "scan.discovery", "--missing") == ExitCode.BAD_INPUT
    assert "these have: analysis, audio_analysis" in capsys.readouterr().err


WRONG_CALLS = {
    "a wrong name": (ALBUM_COVERS, "albums=[1]", "takes no albums — did you mean album_ids?"),
    "a name too few": (ALBUM_COVERS, "", "needs album_ids — add album_ids to the arguments"),
    "no list": (ALBUM_COVERS, "album_ids=1", "album_ids is 1: write 'album_ids=[1, 2]'"),
    "no numbers": (ALBUM_COVERS, 'album_ids=["1"]', "write 'album_ids=[1, 2]'"),
    "a list": ("audio_analysis.analyze_track", "track_id=[1]", "write track_id=1"),
}


@pytest.mark.parametrize(("job", "argument", "says"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_call_that_the_job_does_not_take_is_bad_usage(
    queues: redis.Redis,
    fleet: Fleet,
    capsys: pytest.CaptureFixture[str],
    job: str,
    argument: str,
    says: str,
) -> None:
    assert fleet("enqueue", job, *argument.split()) == ExitCode.USAGE
    assert says in capsys.readouterr().err
    assert enqueued() == {}


@ON_SQLITE
@pytest.mark.parametrize(
    ("job", "argument", "names"),
    [
        (ALBUM_COVERS, "album_ids=[1, 77, 78]", "there is no album 77, 78"),
        ("covers.process_artist_images", "artist_id=5", "there is no artist 5"),
        ("audio_analysis.analyze_track", f"track_id={2**70}", f"there is no track {2**70}"),
        ("metadata.extract_batch", "chunk_id=-1", "there is no chunk -1"),
        ("gmm.train_model", "entity_type=trak", "did you mean track?"),
        ("covers.explain", "entity_type=album entity_id=99", "there is no album 99"),
        ("covers.make_thumbnails", "digest=beef size=300", "there is no picture 'beef'"),
    ],
)
def test_ids_of_nothing_are_refused(
    library: list[int],
    fleet: Fleet,
    capsys: pytest.CaptureFixture[str],
    job: str,
    argument: str,
    names: str,
) -> None:
    arguments = [argument] if "ids" in argument else argument.split()
    before = ledger.counts()
    assert fleet("enqueue", job, *arguments) == ExitCode.BAD_INPUT
    assert names in capsys.readouterr().err
    assert ledger.counts() == before
    assert enqueued() == {}


def test_what_is_settled_is_left_out_unless_it_is_to_be_done_again(
    library: list[int], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    done, none, open_, *_ = library
    settle([done], State.DONE)
    settle([none], State.NONE)
    named = f"track_ids=[{done}, {none}]"
    assert fleet("enqueue", TRACK_COVERS, named) == ExitCode.OK
    said = capsys.readouterr().err
    assert "Nothing to do: 2 of 2 tracks settled (1 done, 1 none); --again does that" in said
    assert enqueued() == {}
    assert fleet("enqueue", TRACK_COVERS, f"track_ids=[{done}, {open_}]") == ExitCode.OK
    assert "1 of 2 tracks settled (1 done)" in capsys.readouterr().err
    assert enqueued() == {TRACK_COVERS: [done, open_]}
    assert fleet("enqueue", TRACK_COVERS, named, "--again") == ExitCode.OK
    need = ledger.need_for(Kind.COVER, EntityType.TRACK)
    states = ledger.states_among(need, library)
    assert states == dict.fromkeys([done, none, open_], State.TODO)


def test_again_is_refused_for_a_job_that_settles_nothing(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("enqueue", "maintenance.reconcile", "--again") == ExitCode.USAGE
    assert "maintenance.reconcile does not" in capsys.readouterr().err
