"""The contenders by name. Each is imported when asked for, and needs no other installed."""

from importlib import import_module

from bench.queue_contenders.contender import Contender

OURS = "ours"
RQ_SIMPLE = "rq-simple"
CELERY = "celery"
DRAMATIQ = "dramatiq"

_MODULES = {
    OURS: "ours",
    "ours-forked": "ours_forked",
    "rq-fork": "rq_fork",
    RQ_SIMPLE: "rq_simple",
    CELERY: "celery_prefork",
    "celery-results": "celery_results",
    DRAMATIQ: "dramatiq_processes",
    "saq": "saq_workers",
}
NAMES = tuple(_MODULES)


def contender(name: str) -> Contender:
    """The contender of that name. Raises ImportError when what it needs is not installed."""
    found: Contender = import_module(f"bench.queue_contenders.{_MODULES[name]}").CONTENDER
    return found
