"""The ledger: the needs of each entity, the attempts that lease them, and their outcomes.

A need is written in the transaction that made it. An attempt of a job leases rows, works, and
settles them in the transaction that writes its result. A row that was reset to "todo" in between is
no longer leased to that attempt: the result is then not written, and the next one's is. An attempt
takes up what earlier attempts of its job leased, for these are dead or given up.
"""

from db.ledger.leases import (
    Attempt,
    Overdue,
    Settled,
    backoff,
    give_up,
    given_up,
    lease,
    leasing_jobs,
    overdue,
    release,
)
from db.ledger.needs import (
    NEEDS,
    UNHURRIED,
    Need,
    forget,
    need,
    need_for,
    need_of,
    wake_due,
    wake_failed,
)
from db.ledger.states import (
    NeedState,
    Quarantine,
    counts,
    need_state,
    never_asked,
    none_for_another_reason,
    open_among,
    open_count,
    quarantine,
    quarantine_file,
    quarantined,
    todo_among,
    unleased,
    with_row,
    with_state,
    without_row,
)

__all__ = [
    "NEEDS",
    "UNHURRIED",
    "Attempt",
    "Need",
    "NeedState",
    "Overdue",
    "Quarantine",
    "Settled",
    "backoff",
    "counts",
    "forget",
    "give_up",
    "given_up",
    "lease",
    "leasing_jobs",
    "need",
    "need_for",
    "need_of",
    "need_state",
    "never_asked",
    "none_for_another_reason",
    "open_among",
    "open_count",
    "overdue",
    "quarantine",
    "quarantine_file",
    "quarantined",
    "release",
    "todo_among",
    "unleased",
    "wake_due",
    "wake_failed",
    "with_row",
    "with_state",
    "without_row",
]
