"""The doctor: finds faults of the fleet and its surroundings, and repairs what is safe to repair.

One subject a file. `fleet doctor` and the web UI use these functions.
"""

from worker.doctor.examination import Repair, examine, repair
from worker.doctor.findings import Finding, Fix, Severity

__all__ = ["Finding", "Fix", "Repair", "Severity", "examine", "repair"]
