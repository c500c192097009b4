"""Which processes are moved, by what each program has to do."""

import pytest

from worker.maintenance.rebalance import DWELL, PATIENCE, SPARED, Load, Worker, decide
from worker.topology import Execution, Program

IDLE = Worker(age=DWELL)
YOUNG = Worker(age=DWELL - 1)
BUSY = Worker(age=DWELL, busy=SPARED + 1)
JUST_BEGUN = Worker(age=DWELL, busy=SPARED)


def load(name: str, workers: list[Worker], oldest: float = 0.0, **changes: object) -> Load:
    """A program of two processes at rest, one at least and three at most; its jobs wait so long."""
    program = Program(name, (name,), 2, 1, 3, 60, Execution.IN_PROCESS, None)
    found = Load(program, list(workers), waiting=9 if oldest else 0, oldest=oldest)
    for key, value in changes.items():
        setattr(found, key, value)
    return found


def moved(*loads: Load) -> list[tuple[str, str]]:
    return [(move.giver, move.taker) for move in decide(loads)]


def test_a_program_with_nothing_to_do_lends_to_one_whose_jobs_wait() -> None:
    (move,) = decide([load("a", [IDLE, IDLE]), load("b", [BUSY, BUSY], 300)])
    assert move.explained == (
        "b-3 in place of a-2: 9 jobs wait for b, the first for 5 min, and a has nothing to do"
    )


def test_the_jobs_that_have_waited_longest_come_first() -> None:
    backlogs = [load("b", [BUSY, BUSY], 300), load("c", [BUSY, BUSY], 400)]
    assert moved(load("a", [IDLE, IDLE]), *backlogs) == [("a", "c")]


def test_no_program_has_fewer_or_more_processes_than_it_may() -> None:
    assert moved(load("a", [IDLE]), load("b", [BUSY, BUSY], 300)) == []
    assert moved(load("a", [IDLE, IDLE]), load("b", [BUSY, BUSY, BUSY], 300)) == []


def test_nothing_is_moved_for_jobs_that_have_hardly_waited() -> None:
    assert moved(load("a", [IDLE, IDLE]), load("b", [BUSY, BUSY], PATIENCE - 1)) == []


@pytest.mark.parametrize("last", [YOUNG, BUSY, JUST_BEGUN])
def test_a_process_at_work_or_just_started_is_not_lent(last: Worker) -> None:
    assert moved(load("a", [IDLE, last]), load("b", [BUSY, BUSY], 300)) == []


def test_nothing_is_lent_to_a_program_for_which_there_is_no_memory() -> None:
    needy = load("b", [BUSY, BUSY], 300, has_room=False)
    assert moved(load("a", [IDLE, IDLE]), needy) == []


def test_its_owner_has_it_back_at_once_when_in_need_unless_work_would_be_lost() -> None:
    owner = load("a", [BUSY], PATIENCE)
    newly_lent = Worker(age=1.0, busy=SPARED)
    assert moved(owner, load("b", [BUSY, BUSY, newly_lent], 3000)) == [("b", "a")]
    assert moved(load("a", [BUSY], PATIENCE), load("b", [BUSY, BUSY, BUSY], 3000)) == []


def test_one_that_is_borrowed_and_idle_goes_to_whoever_is_in_need_at_once() -> None:
    lender, borrower = load("a", [IDLE]), load("b", [IDLE, IDLE, YOUNG])
    assert moved(lender, borrower, load("c", [BUSY, BUSY], PATIENCE)) == [("b", "c")]


def test_it_goes_back_when_quiet_but_not_at_once() -> None:
    assert moved(load("a", [IDLE]), load("b", [IDLE, IDLE, IDLE])) == [("b", "a")]
    assert moved(load("a", [IDLE]), load("b", [IDLE, IDLE, YOUNG])) == []


def test_a_borrower_at_work_gives_it_to_jobs_that_have_waited_far_longer() -> None:
    lender, borrower = load("a", [IDLE]), load("b", [BUSY, BUSY, JUST_BEGUN], 200)
    assert moved(lender, borrower, load("c", [BUSY, BUSY], 390)) == []
    assert moved(lender, borrower, load("c", [BUSY, BUSY], 400)) == [("b", "c")]


def test_what_was_moved_stays_where_it_is_whatever_comes_next() -> None:
    loads = [load("a", [IDLE, IDLE]), load("b", [BUSY, BUSY], 300), load("c", [BUSY, BUSY], 299)]
    assert len(decide(loads)) == 1
    assert decide(loads) == []
    assert sum(each.count for each in loads) == 6
