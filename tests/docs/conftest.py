"""One fleet for every command of the documentation: a few processes over a small library."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from db.models import Track
from db.sql.connection import close_database, open_database
from demo.catalogue import ALBUMS
from tests.fleet.conftest import FleetCommand, names_of_queues, new_fleet, queues_toml
from tests.music import picture, write_track
from tests.web.similar import give_clusters, give_features, give_vectors

_ONE_PROGRAM = """
[programs.covers]
queues = [{}]
processes = 1
most = 2
"""
"""A fleet whose one worker consumes all queues, by a name that the documentation uses."""


class DocumentedFleet(NamedTuple):
    """A fleet that is up in the data folder that the documentation names."""

    command: FleetCommand
    home: Path
    first_scan: str
    """What the first scan printed."""


@pytest.fixture(scope="module")
def documented_fleet() -> Iterator[DocumentedFleet]:
    """A fleet that has scanned ~/Music, an abridged demo library, with vectors and clusters."""
    names = ", ".join(f'"{name}"' for name in names_of_queues())
    for command in new_fleet(queues_toml(_ONE_PROGRAM.format(names))):
        home = Path(command.environment["HOME"])
        (home / ".local/share").mkdir(parents=True)
        (home / ".local/share/musicfleet").symlink_to(command.data_dir)
        _write_music(home / "Music")
        scanned = command("scan", str(home / "Music"))
        assert scanned.returncode == 0, scanned.stderr
        _give_similarity(command)
        yield DocumentedFleet(command, home, scanned.stdout)


def _write_music(music: Path) -> None:
    """The tracks of the demo library, a tone each, under their names."""
    for album in ALBUMS:
        pictures = [picture(album.colours[0])] if "embedded" in album.pictures else []
        form = "flac" if album.suffix == "wav" else album.suffix
        number = 0
        for disc, songs in enumerate(album.discs, 1):
            for song in songs:
                number += 1
                write_track(
                    music / album.folder / f"{number:02} track.{form}",
                    pictures,
                    pitch=200 + 10 * number,
                    title=song.title,
                    artist=list(album.artists_of(song)),
                    album=album.title,
                    albumartist=album.artist,
                    date=album.date,
                    genre=list(album.genres),
                    tracknumber=number,
                    discnumber=disc,
                )


def _give_similarity(command: FleetCommand) -> None:
    """Tempo, key, vectors and clusters, as if all had been analysed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEET_DATA_DIR", str(command.data_dir))
        patch.delenv("FLEET_DATABASE_URL", raising=False)
        open_database()
        ids = [track.id for track in Track.select().order_by(Track.id)]
        rows = np.random.default_rng(1).normal(size=(len(ids), 4)).tolist()
        give_vectors(dict(zip(ids, rows, strict=True)))
        give_clusters({"Folk": ids})
        for each in ids:
            give_features([each], bpm=90 + each, key="C", mode="major", camelot="8B")
        close_database()
