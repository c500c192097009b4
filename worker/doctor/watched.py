"""The folders that are watched, as the watcher says."""

from collections.abc import Iterator

from db.paths import shown
from worker import watching
from worker.doctor.findings import Finding, Severity


def watched() -> Iterator[Finding]:
    """Whether each root that is to be watched is, and how inotify's limits are raised if not."""
    standing = watching.running()
    for each in standing.roots if standing else []:
        name = shown(each.root)
        if each.how == "inotify":
            yield Finding("watch", Severity.OK, f"{name} is watched")
        elif each.remedy:
            says = f"{name} is not watched: {each.why}"
            yield Finding("watch", Severity.WARNING, says, each.remedy)
        else:
            yield Finding("watch", Severity.OK, f"{name} is not watched: {each.why}")
