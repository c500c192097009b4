"""The table of the mission, printed: queue, job, and the slot of the program that did it."""

import pytest

_ROWS: list[str] = []


def gather(report: pytest.TestReport) -> None:
    """Take the row of a test, whichever process ran it."""
    if report.when == "teardown" and "tests/mission" in report.nodeid:
        _ROWS.extend(str(row) for _, row in report.user_properties)


def show(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows, where there are any."""
    if _ROWS:
        terminalreporter.section("the table of the mission: each job was done by its program")
        terminalreporter.write_line("\n".join(sorted(_ROWS)))
