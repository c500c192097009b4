"""The settings that a job or a program would fail of, read as it reads them."""

from collections.abc import Callable, Iterator

from db.errors import SettingError
from db.maintenance import backups, removal
from db.settings import check_analysis_seconds, cover_orders, keep_logs_days, provider_settings
from db.settings.retraining_rules import rules
from worker.doctor.findings import Finding, Severity, fact_and_remedy
from worker.errors import BadInputError
from worker.supervisor import watch_state, web_address

_CHECKS: tuple[Callable[[], object], ...] = (
    cover_orders.check,
    provider_settings.check,
    check_analysis_seconds,
    rules,
    backups.kept,
    removal.forget_missing_after,
    keep_logs_days,
    watch_state.environment,
    web_address.configured,
)
"""Each raises SettingError or BadInputError for a setting with a fault."""


def settings() -> Iterator[Finding]:
    """The first fault of each group of settings, or that there is none."""
    is_sound = True
    for check in _CHECKS:
        try:
            check()
        except (SettingError, BadInputError) as error:
            is_sound = False
            fact, remedy = fact_and_remedy(error)
            yield Finding("settings", Severity.ERROR, fact, remedy or "correct it")
    if is_sound:
        yield Finding("settings", Severity.OK, "every setting can be used")
