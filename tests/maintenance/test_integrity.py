"""Tables and picture store agree, or are made to; what cannot be repaired is reported."""

import pytest
import redis

from db.artwork import image_files
from db.models import (
    Album,
    Artist,
    ChosenImage,
    Cluster,
    ClusterMembership,
    ClusterModel,
    Cover,
    EntityType,
    Fact,
    Genre,
    Image,
    Kind,
    LedgerRow,
    State,
    Vector,
    VectorModel,
    utc_now,
)
from db.sql.connection import transaction
from jobs.maintenance import integrity, validate_system_integrity
from tests.databases import ON_SQLITE
from tests.maintenance.conftest import Scan
from tests.maintenance.work import changed, notes

JOB = "validate_system_integrity"
GONE = 4711


def found() -> dict[str, int]:
    validate_system_integrity()
    return changed(JOB)


@ON_SQLITE
def test_a_sound_library_is_left_alone(scan: Scan) -> None:
    scan()
    assert found() == {}
    assert notes(JOB) == []


def test_rows_of_what_is_gone_are_dropped(scan: Scan) -> None:
    scan()
    image = Image.get()
    model = VectorModel.create(
        reason="a test", dimension=1, tracks=0, genres=0, vocabulary="", parameters=b""
    )
    of_nothing = {"entity_type": EntityType.ALBUM, "entity_id": GONE}
    Cover.create(**of_nothing, image=image, source="front", rank=0, source_path="/x.jpg")
    ChosenImage.create(**of_nothing, image=image, source_path="/x.jpg")
    LedgerRow.create(**of_nothing, kind=Kind.COVER)
    Fact.create(**of_nothing, field="country", value="XE", source="musicbrainz", score=1)
    Vector.create(**of_nothing, model=model, dimension=1, numbers=b"\0\0\0\0")
    assert found() == {
        "covers of nothing": 1,
        "chosen pictures of nothing": 1,
        "needs of nothing": 1,
        "vectors of nothing": 1,
        "facts of nothing": 1,
    }
    assert found() == {}


def test_what_no_track_is_of_goes(scan: Scan) -> None:
    scan()
    with transaction():
        Album.create(key="empty")
        Artist.create(name="Nobody")
        Genre.create(name="Nothing")
    assert found() == {"empty albums": 1, "unused artists": 1, "unused genres": 1}
    assert found() == {}
    assert (Album.select().count(), Artist.select().count(), Genre.select().count()) == (2, 2, 2)


@ON_SQLITE
def test_what_was_never_asked_for_is(scan: Scan) -> None:
    scan()
    lost = (LedgerRow.kind == Kind.COVER) & (LedgerRow.entity_type == EntityType.ALBUM)
    assert LedgerRow.delete().where(lost).execute() == 2
    assert found() == {"album cover added to the ledger": 2}
    assert {row.state for row in LedgerRow.select().where(lost)} == {State.TODO}
    assert found() == {}


def test_a_picture_that_is_damaged_or_lost_is_made_again(scan: Scan) -> None:
    scan()
    path = image_files.original(Image.get().digest)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert found() == {"damaged pictures": 1, "covers to be made again": 1}
    assert not path.exists()
    assert found() == {}
    scan()
    assert path.read_bytes() == whole
    path.unlink()
    assert found() == {"covers to be made again": 1}


@ON_SQLITE
def test_a_damaged_picture_that_was_chosen_is_kept_and_told(scan: Scan) -> None:
    scan()
    image = Image.get()
    ChosenImage.create(entity_type=EntityType.ALBUM, entity_id=1, image=image, source_path="/x.jpg")
    path = image_files.original(image.digest)
    path.write_bytes(b"damaged")
    assert found() == {}
    assert notes(JOB) == [f"{path}, which you chose, is damaged — `fleet cover set` it again"]
    assert path.exists()


@ON_SQLITE
def test_a_store_that_is_not_mounted_costs_no_picture(scan: Scan) -> None:
    scan()
    image_files.originals_dir().rename(image_files.originals_dir().with_name("elsewhere"))
    assert found() == {}
    assert notes(JOB) == [
        f"{image_files.originals_dir()} is not there, with 1 pictures — mount its disk"
    ]
    assert Image.select().count() == 1


@ON_SQLITE
def test_vectors_that_fit_no_model_are_told(scan: Scan) -> None:
    scan()
    model = VectorModel.create(
        reason="a test", dimension=2, tracks=0, genres=0, vocabulary="", parameters=b""
    )
    Vector.create(entity_type="track", entity_id=1, model=model, dimension=1, numbers=b"\0\0\0\0")
    found()
    assert notes(JOB) == [
        "1 vectors have another dimension than their model — "
        "`fleet enqueue vectorization.train` recomputes all"
    ]


@ON_SQLITE
def test_clusters_that_were_counted_wrongly_are_counted_anew(scan: Scan) -> None:
    scan()
    model = ClusterModel.create(
        **{"entity_type": "track", "method": "kmeans", "entities": 6, "searched": 6, "clusters": 1},
        **{"vector_model": 1, "parameters": b"", "ready_at": utc_now()},
    )
    cluster = Cluster.create(entity_type="track", name="Rock", size=3)
    for track_id in (1, 2, GONE):
        ClusterMembership.create(
            model=model, cluster=cluster, entity_id=track_id, probability=1, is_primary=True
        )
    assert found() == {"memberships of nothing": 1, "clusters counted wrongly": 1}
    assert Cluster.get().size == 2
    assert found() == {}


@ON_SQLITE
def test_of_a_large_store_every_picture_has_its_turn(
    scan: Scan, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan()
    image_files.original(Image.get().digest).write_bytes(b"damaged")
    monkeypatch.setattr(integrity, "AT_ONCE", 0)  # a shard at a time
    shard = int(Image.select().first().digest[:2], 16)
    queues.set(integrity._TURN, shard - 4 + 256)  # of the round before: the numbers go on
    for _ in range(4):
        assert found() == {}
    assert found() == {"damaged pictures": 1, "covers to be made again": 1}
