"""The doctor: what is wrong with the fleet and its surroundings, how bad, and how to mend it.

One subject a file. `fleet doctor` and the web page's /healthz both go through these doors.
"""

from worker.doctor.examination import Mended, examine, mend
from worker.doctor.findings import Finding, Fix, Severity

__all__ = ["Finding", "Fix", "Mended", "Severity", "examine", "mend"]
