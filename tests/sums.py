"""The ledger's sum, which holds at any moment: every need has its row, and no row is of nothing."""

from db import ledger
from db.models import EntityType, Kind, LedgerRow, State


def check_sums() -> None:
    """Fail unless the states of each need add up to the entities that need it."""
    for each in ledger.sums():
        what = f"{each.need.entity_type} {each.need.kind}"
        assert each.states.total() + each.in_turn == each.needed, f"{what}: {each}"
        assert ledger.never_asked(each.need) == [], f"{what} was never asked for"
        assert each.stray == 0, f"{what}: {each.stray} rows of nothing"
        assert each.adds_up
    states = {State(row.state) for row in LedgerRow.select(LedgerRow.state).distinct()}
    assert states <= set(State)
    files = LedgerRow.select().where(LedgerRow.entity_type == EntityType.FILE)
    assert {row.kind for row in files} <= {Kind.TAGS}
