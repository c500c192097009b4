"""A real fleet whose library is complete, and whose clock stands still: what a job does, it did.

The features of its tracks are made up, for to analyse sixty takes half a minute; the jobs that do
it have tracks of their own to analyse.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from db.library.audio_features import EXTRACTOR
from db.models import ClusterModel, Track
from db.settings.providers import SERVICES
from db.sql.connection import open_database
from demo import files, sounds
from tests.chaos.chaos_fleet import at_home
from tests.fleet.conftest import REPOSITORY, FleetCommand, new_fleet
from tests.music import picture
from tests.providers.server import WebServer
from tests.waiting import until
from tests.web.similar import give_features
from worker import dispatch
from worker.queues import admin

ARTISTS, SONGS = 12, 5
"""Sixty tracks, the fewest of which there are clusters, and as few artists."""
_ANALYSIS = "audio_analysis"
"""The queue of analyses."""
T = TypeVar("T")


@dataclass
class StandingFleet:
    """The fleet, its music, and the web that its providers ask."""

    command: FleetCommand
    music: Path
    web: WebServer

    def run(self, name: str, arguments: dict[str, object]) -> Job:
        """Enqueue a job as its user does, and wait until it has ended.

        Analyses rest but for this: each takes two seconds, and a test's new songs ask for some.
        """
        if dispatch.topology().route(name).name != _ANALYSIS:
            return self.ended(dispatch.enqueue(name, **arguments))
        dispatch.queue(_ANALYSIS).empty()
        admin.resume(_ANALYSIS)
        job = self.ended(dispatch.enqueue(name, **arguments))
        admin.pause(_ANALYSIS)
        return job

    def ended(self, job_id: str) -> Job:
        """The job once it has ended."""

        def found() -> Job | None:
            job = Job.fetch(job_id, dispatch.connection(), JSONSerializer)
            return job if job.get_status() in {JobStatus.FINISHED, JobStatus.FAILED} else None

        return until(found, f"the end of job {job_id}")

    def supervisorctl(self, *arguments: str) -> None:
        """Run supervisorctl."""
        conf = self.command.data_dir / "supervisord.conf"
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(conf), *arguments]
        subprocess.run(command, env=self.command.environment, check=True, capture_output=True)


def write_song(path: Path, number: int, artist: str, album: str) -> None:
    """Two seconds of a chord of its own, with an embedded picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chord = sounds.harmonics(sounds.hertz(45 + number % 24), 2, (1, 1.5, 2 + number % 3), 0.6)
    times = np.arange(len(chord), dtype=np.float32) / sounds.RATE
    chord *= np.float32(0.2) * np.exp(-(times % 0.5) * (1 + number % 7))
    path.write_bytes(files.encoded(chord, "flac", sounds.RATE))
    tags = {"title": f"Song {number}", "artist": artist, "album": album}
    tags |= {"tracknumber": str(number % SONGS + 1), "genre": ["Rock", "Jazz"][number % 2]}
    front = picture(f"#{number * 3:02x}40{255 - number * 3:02x}")
    files.tag(path, {name: [value] for name, value in tags.items()}, [front])


@contextmanager
def standing_fleet(folder: Path) -> Iterator[StandingFleet]:
    """The fleet, stopped at the end."""
    web = WebServer()
    urls = ",".join(f"{name}={web.url}/{name}" for name in SERVICES)
    for command in new_fleet((REPOSITORY / "queues.toml").read_text(encoding="utf-8")):
        del command.environment["FLEET_ANALYSIS_SECONDS"]
        command.environment |= {
            "FLEET_PROVIDERS": "deezer,musicbrainz",
            "FLEET_PROVIDER_URLS": urls,
            "FLEET_PROVIDER_PACES": "musicbrainz=0.01",
            "FLEET_CONTACT": "owner@example.org",
            "FLEET_NOTIFY": f"{web.url.replace('http', 'json', 1)}/notified",
        }
        with at_home(command):
            fleet = StandingFleet(command, folder / "music", web)
            _complete(fleet)
            yield fleet
    web.stop()


def _complete(fleet: StandingFleet) -> None:
    """Take the music in, have it analysed, train the models, and stop the scheduler."""
    for number in range(ARTISTS * SONGS):
        artist = f"Artist {number // SONGS}"
        place = fleet.music / artist / "Album" / f"{number}.flac"
        write_song(place, number, artist, f"Album {number // SONGS}")
    for artist in fleet.music.iterdir():
        (artist / "artist.jpg").write_bytes(picture("teal"))
    assert fleet.command("up").returncode == 0
    admin.pause(_ANALYSIS)
    scanned = fleet.command("scan", str(fleet.music))
    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
    fleet.supervisorctl("stop", "scheduler")
    open_database()
    assert Track.select().count() == ARTISTS * SONGS
    dispatch.queue(_ANALYSIS).empty()
    _have_analysed()
    fleet.run("vectorization.train", {})
    fleet.run("gmm.refresh_stale_clusters", {})
    assert ClusterModel.select().count() == 2


def _have_analysed() -> None:
    """Each artist's tracks sound much alike: five points around one."""
    numbers = np.random.default_rng(1)
    for place, track in enumerate(Track.select().order_by(Track.path)):
        if place % SONGS == 0:
            timbre = numbers.normal(0, 30, 20)
        give_features(
            [track.id],
            extractor=EXTRACTOR,
            content_id=track.content_id,
            mfcc_mean=list(timbre + numbers.normal(0, 3, 20)),
            mfcc_deviation=list(numbers.uniform(5, 15, 20)),
            bpm=float(numbers.uniform(80, 160)),
            centroid=float(numbers.uniform(500, 4000)),
            rms=0.1,  # it is no silence
        )
