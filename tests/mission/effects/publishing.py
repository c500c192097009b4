"""What is written for other programs, and taken away again."""

from db.models import ExportRun
from db.publishing import export_runs
from db.publishing.written_files import Kind
from db.sql.path_text import to_text
from jobs.publishing import disk
from jobs.publishing.disk import Wanted
from tests.mission.cases import Prepared, case
from tests.mission.standing_fleet import StandingFleet


@case("publishing.export")
def _undo(fleet: StandingFleet) -> Prepared:
    file = fleet.music / "artist.jpg"
    path = to_text(bytes(file))
    disk.settle(Wanted(path, Kind.ART, "a test", disk.writer(b"ours")), None, dry=False)
    assert file.exists()
    run_id = export_runs.start(Kind.ART, {}, undo=True)

    def is_done(_: object) -> bool:
        return ExportRun.get_by_id(run_id).counts == {"removed": 1} and not file.exists()

    return Prepared({"run_id": run_id}, is_done)
