"""Folders in a bucket: what is put there comes back, and what cannot be reached says so."""

import os

import pytest

from models.errors import StorageError, UserError
from models.remote import Remote, is_uri
from tests.buckets import BUCKET, bucket_at_hand


@pytest.fixture(scope="module")
def bucket():
    with bucket_at_hand():
        yield f"s3://{BUCKET}"


@pytest.fixture(params=["s3", "file"])
def remote(request, tmp_path):
    if request.param == "file":
        return Remote.parse((tmp_path / "remote").as_uri())
    return Remote.parse(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def test_what_is_written_is_read(remote):
    assert remote.read("a/b.txt") is None
    assert remote.sizes() == {}
    assert not remote.has("a/b.txt")
    remote.write("a/b.txt", b"first")
    remote.write("a/b.txt", b"second")
    remote.write("c.txt", b"")
    assert remote.read("a/b.txt") == b"second"
    assert (remote / "a").read("b.txt") == b"second"
    assert remote.sizes() == {"a/b.txt": 6, "c.txt": 0}
    assert (remote / "a").sizes() == {"b.txt": 6}
    assert remote.has("a/b.txt")
    assert not remote.has("a")


def test_folders_are_those_right_below(remote):
    assert remote.folders() == []
    for name in ("b/1.txt", "a/deep/2.txt", "3.txt"):
        remote.write(name, b"")
    assert remote.folders() == ["a", "b"]
    assert (remote / "a").folders() == ["deep"]


def test_what_is_removed_is_gone(remote):
    remote.write("a.txt", b"1")
    remote.remove("a.txt")
    remote.remove("a.txt")
    assert remote.sizes() == {}


def test_a_folder_goes_there_and_back(remote, tmp_path):
    here, back = tmp_path / "here", tmp_path / "back"
    (here / "predictions").mkdir(parents=True)
    large = os.urandom(12_000_000)  # more than one part of an upload
    (here / "weights.pt").write_bytes(large)
    (here / "predictions/mouse.npz").write_bytes(b"values")
    remote.upload(here, ["weights.pt", "missing.json", "predictions/mouse.npz"])
    assert remote.download(back, ["missing.json"]) == []
    assert remote.download(back) == ["predictions/mouse.npz", "weights.pt"]
    assert (back / "weights.pt").read_bytes() == large
    assert (back / "predictions/mouse.npz").read_bytes() == b"values"
    assert sorted(path.name for path in back.iterdir()) == ["predictions", "weights.pt"]


def test_a_download_replaces_what_is_there(remote, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"old and longer")
    remote.write("a.txt", b"new")
    remote.download(tmp_path, ["a.txt"])
    assert (tmp_path / "a.txt").read_bytes() == b"new"


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_said(tmp_path):
    remote = Remote.parse("s3://nowhere/searches")
    (tmp_path / "a.txt").touch()
    with pytest.raises(StorageError, match=r"cannot reach s3://nowhere/searches.*does not exist"):
        remote.write("a.txt", b"")
    with pytest.raises(StorageError, match="cannot reach"):
        remote.upload(tmp_path, ["a.txt"])
    with pytest.raises(StorageError, match="there is no bucket 'nowhere'"):
        remote.sizes()


@pytest.mark.parametrize("text", ["bucket/searches", "http://bucket", "s4://bucket"])
def test_other_places_are_refused(text):
    with pytest.raises(UserError, match="a URI begins with one of s3://"):
        Remote.parse(text)


def test_uris_and_paths_are_told_apart(tmp_path):
    assert is_uri("s3://bucket/searches")
    assert not is_uri(str(tmp_path))
