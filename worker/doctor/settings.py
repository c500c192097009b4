"""The settings that a job or a program would fail of, read as it reads them."""

from collections.abc import Callable, Iterator

from db import analysis_seconds, backups, cover_orders, missing, provider_settings
from db.errors import SettingError
from db.retraining_rules import rules
from db.settings import keep_logs_days
from worker import watching, web_address
from worker.doctor.faults import fact_and_remedy
from worker.doctor.findings import Finding, Severity
from worker.errors import BadInputError

_CHECKS: tuple[Callable[[], object], ...] = (
    cover_orders.check,
    provider_settings.check,
    analysis_seconds.check,
    rules,
    backups.kept,
    missing.forget_after,
    keep_logs_days,
    watching.environment,
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
            yield Finding("settings", Severity.ERROR, fact, remedy or "mend it")
    if is_sound:
        yield Finding("settings", Severity.OK, "every setting can be used")
