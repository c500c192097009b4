"""What is written for other programs, and taken away again."""

import json

from db.models import ExportRun, Track, User
from db.publishing import export_runs, servers
from db.publishing.servers import ServerKind
from db.publishing.written_files import Kind
from db.sql.path_text import to_text
from db.users import playlists
from jobs.publishing import disk
from jobs.publishing.disk import Wanted
from tests.mission.cases import Prepared, case
from tests.mission.standing_fleet import StandingFleet
from tests.providers.server import Handler


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


@case("publishing.push_playlists")
def _push(fleet: StandingFleet) -> Prepared:
    track = Track.select().where(Track.missing_since.is_null(), Track.title.is_null(False)).first()
    by = track.artist_credit or ""
    song = {"id": "s1", "title": track.title, "artist": by, "path": track.path}
    said = {
        "search3": {"searchResult3": {"song": [song]}},
        "getPlaylists": {"playlists": {}},
        "createPlaylist": {"playlist": {"id": "p1"}},
        "updatePlaylist": {},
    }
    fleet.web.routes |= {f"/rest/{name}.view": _ok(body) for name, body in said.items()}
    user = User.create(key="listener", name="listener", password="none")
    playlists.create(user.id, "Evening", [track.id])
    columns = {"is_key": True, "lists": ["own"], "listener": user.id}
    server = servers.add("player", ServerKind.SUBSONIC, fleet.web.url, "a key", **columns)

    def is_done(_: object) -> bool:
        rows = list(servers.pushed(server).values())
        return [(each.their_id, each.songs) for each in rows] == [("p1", ["s1"])]

    return Prepared({"server_id": server.id}, is_done)


def _ok(body: dict[str, object]) -> Handler:
    said = json.dumps({"subsonic-response": {"status": "ok", **body}}).encode()
    return lambda request: request.answer(200, said, {})
