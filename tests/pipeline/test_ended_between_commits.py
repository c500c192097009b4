"""A job whose process ends right after any of its commits leaves what reconciliation completes."""

from pathlib import Path

import pytest
import redis

from db import ledger
from db.artwork import image_files
from db.models import Cover, Image, Scan, ScanChunk
from db.sql.connection import open_database
from jobs.maintenance import reconcile
from tests.databases import ON_SQLITE
from tests.ended import Kept, ended_after, reconciled, run_jobs
from tests.music import picture, write_track
from tests.pipeline.in_process import scanned_into
from tests.pipeline.tables import Content, content
from worker import dispatch

OF_A_SCAN = ("scan.discovery", "insert.direct_batch")
OF_COVERS = (
    "covers.extract_embedded",
    "covers.process_track_covers_batch",
    "covers.process_album_covers",
    "covers.extract_artist_images",
    "covers.process_artist_images_batch",
)


class Before:
    """A library that changed since it was scanned, and what a scan of it comes to."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.music = folder / "music"
        self._write()
        with scanned_into(folder / "data", self.music, redis_url):
            self.scanned = Kept(folder / "scanned")
            open_database()
        self._change()
        with scanned_into(folder / "data again", self.music, redis_url):
            self.expected: Content = content()
            _forget_covers()
            self.without_covers = Kept(folder / "without covers")
            open_database()

    def _write(self) -> None:
        album = self.music / "A" / "Album"
        for number in range(4):
            self._song(album / f"{number}.flac", "red")
        (album / "cover.jpg").write_bytes(picture("blue", (80, 80)))
        (self.music / "A" / "artist.jpg").write_bytes(picture("white", (80, 90)))
        write_track(self.music / "Other" / "1.flac", pitch=500, title="Other", album="Other")

    def _change(self) -> None:
        """In every way that a scan notices: files come, go, change and move."""
        album = self.music / "A" / "Album"
        for number in (2, 3, 4):
            self._song(album / f"{number}.flac", "green")
        (album / "0.flac").unlink()
        (album / "cover.jpg").write_bytes(picture("black", (81, 81)))
        (self.music / "A" / "artist.jpg").write_bytes(picture("gray", (80, 91)))
        (self.music / "Other").rename(self.music / "Moved")

    @staticmethod
    def _song(file: Path, colour: str) -> None:
        number = int(file.stem)
        tags = {"title": f"{file.stem} {colour}", "artist": "AB"[number % 2], "album": "Album"}
        write_track(file, [picture(colour, (80, 80))], pitch=300 + number, **tags)


def _forget_covers() -> None:
    """Have every picture and cover be still to do, and none be stored."""
    for table in (Cover, Image):
        table.delete().execute()
    for need in ledger.NEEDS:
        if need.kind not in ledger.UNHURRIED:
            ledger.need(need.kind, need.entity_type, ledger.with_state(need))
    for shard in image_files.shards():
        for digest in image_files.originals_in(shard):
            image_files.original(digest).unlink()


@pytest.fixture(scope="module")
def before(valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Before:
    return Before(tmp_path_factory.mktemp("ended"), valkey)


@pytest.mark.parametrize("job", [*OF_A_SCAN, *OF_COVERS])
@ON_SQLITE
def test_nothing_is_lost_after_any_commit(
    database: str, queues: redis.Redis, before: Before, job: str
) -> None:
    nth, commits = 0, 0
    while nth <= commits:
        kept = before.scanned if job in OF_A_SCAN else before.without_covers
        kept.restore()
        queues.flushall()
        with ended_after(nth) as ending:
            ending.counts = False
            if job in OF_A_SCAN:
                dispatch.enqueue("scan.discovery", root=str(before.music.resolve()))
            else:
                reconcile()
            run_jobs(ending, job)
        assert ending.has_come or not nth
        queues.flushall()
        reconciled()
        assert content() == before.expected, f"ended after commit {nth} of {job}"
        assert not Scan.select().where(Scan.finished_at.is_null()).exists()
        assert not ScanChunk.select().where(ScanChunk.done_at.is_null()).exists()
        commits = commits or ending.commits
        nth += 1
    assert commits >= (1 if job in OF_A_SCAN else 2)
