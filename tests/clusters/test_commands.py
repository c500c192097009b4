"""`fleet cluster` lists clusters, and writes playlists without touching what is not its own."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from db.models import Cluster, EntityType, Track
from db.similarity import clusters
from jobs import gmm
from tests.clusters.groups import add_artist, add_tracks, hear, new_model
from tests.databases import ON_SQLITE
from worker.cli.similarity import cluster
from worker.errors import BadInputError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cluster, list(arguments), catch_exceptions=False)


@pytest.fixture
def tracks(database: str) -> clusters.ClusterInUse:
    """The largest cluster of sixty tracks."""
    add_tracks(60)
    hear(EntityType.TRACK, new_model(), 1, 60)
    gmm.train_model("track")
    return clusters.clusters(EntityType.TRACK)[0]


@ON_SQLITE
def test_export_writes_playlists_and_nothing_of_others(database: str, tmp_path: Path) -> None:
    add_tracks(60)
    hear(EntityType.TRACK, new_model(), 1, 60)
    gmm.train_model("track")
    first = clusters.clusters(EntityType.TRACK)[0]
    Cluster.update(name="../../away").where(Cluster.id == first.id).execute()
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "mine.m3u8").write_text("#EXTM3U\nmine")
    done = CliRunner().invoke(cluster, ["export", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0
    made = [each for each in folder.iterdir() if each.name != "mine.m3u8"]
    assert (folder / "mine.m3u8").read_text() == "#EXTM3U\nmine"
    assert [each.name for each in tmp_path.rglob("*away*")] == ["away.m3u8"]
    text = "".join(each.read_text() for each in made)
    assert all(f"#EXTINF:61,Song {each}\n/music/{each}.mp3\n" in text for each in range(1, 61))


def test_a_path_with_a_line_break_is_written_as_a_uri_and_named(
    tracks: clusters.ClusterInUse, tmp_path: Path
) -> None:
    Track.update(path="/music/a\nb #1 é.mp3").where(Track.path == "/music/1.mp3").execute()
    done = CliRunner().invoke(cluster, ["export", str(tmp_path)], catch_exceptions=False)
    text = "".join(each.read_text() for each in tmp_path.iterdir())
    assert "\nfile:///music/a%0Ab%20%231%20%C3%A9.mp3\n" in text
    assert "1 file has a line break in the name" in done.stderr.replace("\n", " ")


def test_the_list_tells_what_is_waited_for(database: str) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 37)
    gmm.train_model("artist")
    done = CliRunner().invoke(cluster, ["list", "--json"], catch_exceptions=False)
    told = json.loads(done.stdout)
    assert (
        told["standing"]["artist"]["remark"]
        == "by K-means; waits for more vectors: 37 of 50 artists"
    )
    assert sum(each["size"] for each in told["clusters"]) == 37


def test_show_lists_the_members_by_name(tracks: clusters.ClusterInUse) -> None:
    told = json.loads(run("show", str(tracks.id), "--json").stdout)
    assert (told["id"], told["name"], len(told["members"])) == (tracks.id, tracks.name, 12)
    first = told["members"][0]
    assert first["name"] == f"Song\n{first['id']}"
    table = run("show", tracks.name.upper()).stdout
    assert table.splitlines()[0].split() == ["id", "belongs", *tracks.name.split()]
    assert all(str(each["id"]) in table for each in told["members"])


def test_show_writes_a_playlist(tracks: clusters.ClusterInUse) -> None:
    lines = run("show", str(tracks.id), "--m3u").stdout.splitlines()
    ids = [each.entity_id for each in clusters.members(tracks)]
    assert lines[0] == "#EXTM3U"
    assert lines[2:] == [
        line for each in ids for line in (f"#EXTINF:61,Song {each}", f"/music/{each}.mp3")
    ]


def test_a_playlist_of_artists_is_of_their_tracks(database: str) -> None:
    add_tracks(15)
    for each in range(1, 16):
        add_artist(each, f"Band {each}", each)
    hear(EntityType.ARTIST, new_model(), 1, 15)
    gmm.train_model("artist")
    found = clusters.clusters(EntityType.ARTIST)[0]
    ids = [each.entity_id for each in clusters.members(found)]
    text = run("show", str(found.id), "--m3u").stdout
    assert [f"/music/{each}.mp3" for each in ids] == text.splitlines()[3::2]
    assert f"Band {ids[0]}" in run("show", str(found.id)).stdout


def test_an_unknown_cluster_is_refused_with_the_nearest_name(tracks: clusters.ClusterInUse) -> None:
    Cluster.update(name="Jazz, calm").where(Cluster.id == tracks.id).execute()
    with pytest.raises(BadInputError, match="did you mean Jazz, calm"):
        run("show", "jaz, calm")


def test_export_follows_no_symlink(tracks: clusters.ClusterInUse, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "lists", tmp_path / "elsewhere.m3u8"
    run("export", str(folder))
    target = folder / f"{tracks.name}.m3u8"
    target.rename(elsewhere)  # written by us: it is the link that makes it none of ours
    elsewhere.write_bytes(elsewhere.read_bytes() + b"/music/another.mp3\n")
    before = elsewhere.read_bytes()
    target.symlink_to(elsewhere)
    done = run("export", str(folder))
    assert f"{target} is not of musicfleet and was left alone" in done.stderr
    assert target.is_symlink()
    assert elsewhere.read_bytes() == before
    assert f"{len(list(folder.iterdir())) - 1} playlists" in done.stdout


def test_export_drops_the_playlists_of_clusters_that_are_gone(
    tracks: clusters.ClusterInUse, tmp_path: Path
) -> None:
    run("export", str(tmp_path))
    gone = {each.name for each in tmp_path.iterdir()}
    for each in clusters.clusters(EntityType.TRACK):
        Cluster.update(name=f"new {each.id}").where(Cluster.id == each.id).execute()
    run("export", str(tmp_path))
    left = {each.name for each in tmp_path.iterdir()}
    assert len(left) == len(gone)
    assert not left & gone
