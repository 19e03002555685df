"""Uploading a packed store, and all commands that take its URI: what they print, how they refuse."""

import json
import shutil

import pytest

from models.errors import StorageError
from models.recordings.store import cache, uploading
from models.recordings.store.manifest import FILE, read_manifest
from models.remote import Remote
from models.runs import RunFolder
from tests.models.fetching import other_process
from tests.models.packed_stores import contents, packed
from tests.models.tiny import config_of

pytestmark = pytest.mark.usefixtures("undurable", "place")


@pytest.fixture(scope="module")
def other_store(recordings, tmp_path_factory):
    """A store of the same recordings with other files."""
    return packed(recordings, tmp_path_factory.mktemp("stores") / "exact.packed", exact=True)


def of_store(there):
    return {name: content for name, content in contents(there).items() if name != FILE}


def times(there):
    return {path: path.stat().st_mtime_ns for path in there.rglob("*") if path.is_file()}


def test_a_second_upload_of_the_same_does_nothing(call, store, there):
    code, printed, _ = call("upload", store, there.as_uri())
    manifest = read_manifest(Remote.parse(there.as_uri()))
    assert (code, f"recordings {manifest.fingerprint}, uploaded\n" in printed) == (0, True)
    assert f"next: python -m search run {there.as_uri()} --name NAME" in printed
    assert of_store(there) == contents(store)
    before = times(there)
    code, printed, _ = call("upload", store, f"{there.as_uri()}/")
    assert (code, "uploaded before" in printed) == (0, True)
    assert times(there) == before


def test_another_store_is_only_replaced_if_that_is_asked_for(
    call, refused, store, other_store, there
):
    (there / "mine").mkdir(parents=True)
    (there / "mine/thesis.tex").touch()
    call("upload", other_store, there.as_uri())
    session = next(other_store.glob("*/")).name
    gone = there / session / "gone.npy"  # of the store that is replaced, and of no other
    gone.touch()
    listed = json.loads((there / FILE).read_text())
    listed["files"][f"{session}/gone.npy"] = {"size": 0, "sha256": ""}
    (there / FILE).write_text(json.dumps(listed))
    refused(("upload", store, there.as_uri()), "holds another store")
    code, printed, _ = call("upload", store, there.as_uri(), "--replace")
    assert (code, "uploaded\n" in printed) == (0, True)
    assert of_store(there) == {**contents(store), "mine/thesis.tex": b""}


def test_half_an_upload_is_no_store(call, refused, store, other_store, there, monkeypatch):
    call("upload", other_store, there.as_uri())

    def lost(_manifest, _remote):
        raise StorageError("cannot reach it", "Mend the network.")

    with monkeypatch.context() as patch:
        patch.setattr(uploading, "_check_sizes", lost)
        refused(("upload", store, there.as_uri(), "--replace"), "cannot reach it")
    refused(("check", there.as_uri()), "is no packed store, or not a whole one")
    assert call("upload", store, there.as_uri())[0] == 0
    assert call("check", there.as_uri())[0] == 0


def test_a_file_that_has_not_arrived_is_named(refused, store, there, monkeypatch):
    upload = Remote.upload

    def losing(remote, folder, names):
        upload(remote, folder, [name for name in names if not name.endswith("videos.npy")])

    monkeypatch.setattr(Remote, "upload", losing)
    refused(("upload", store, there.as_uri()), "videos.npy as they are")
    assert not (there / FILE).exists()


def test_only_a_whole_packed_store_is_uploaded(refused, recordings, store, there, tmp_path):
    refused(("upload", recordings, there.as_uri()), "is no packed store")
    refused(("upload", tmp_path / "nothing", there.as_uri()), "is no packed store")
    refused(("upload", next(store.glob("*/")), there.as_uri()), "is one packed session")
    shutil.copytree(store, tmp_path / "half")
    (tmp_path / "half/.dynamic1.partial").mkdir()
    refused(
        ("upload", tmp_path / "half", there.as_uri()), "not packed to its end: .dynamic1.partial"
    )
    assert not there.exists()


def test_other_kinds_of_uris_are_refused(call, store):
    for words in (("upload", store, "http://server/data"), ("check", "http://server/data")):
        code, _, errors = call(*words)
        assert (code, "a URI begins with one of" in errors) == (2, True)


def test_what_is_no_store_names_the_command_that_packs(call, recordings, there):
    assert "python -m models pack DATA" in call("upload", recordings, there.as_uri())[2]


def test_every_command_takes_the_uri(call, uri, place, tmp_path):
    code, printed, errors = call("check", uri)
    assert (code, "sound; sessions: 2" in printed) == (0, True)
    assert f"fetched to {place}" in errors
    code, printed, errors = call("folds", uri)
    assert (code, errors) == (0, "")
    (tmp_path / "config.json").write_text(config_of(epochs=1).model_dump_json())
    run = tmp_path / "run"
    code, printed, _ = call("train", uri, "--run", run, "--config", tmp_path / "config.json")
    assert (code, f"score {run} --data {uri}" in printed) == (0, True)
    assert RunFolder(run).record().data == uri
    code, printed, _ = call("score", run, "--data", uri)
    assert (code, "oracle" in printed) == (0, True)
    assert call("predict", run, "--data", uri, "--out", tmp_path / "out")[0] == 0


def commands(uri, tmp_path):
    run = tmp_path / "run"
    yield "check", uri
    yield "folds", uri
    yield "train", uri, "--run", run
    yield "score", "--data", uri


def test_bad_days_are_said_by_every_command(refused, there, uri, tmp_path, monkeypatch):
    for words in commands((tmp_path / "nothing").as_uri(), tmp_path):
        refused(words, f"is no packed store, or not a whole one: it has no {FILE}")
    with monkeypatch.context() as patch:
        patch.setattr(cache, "free_bytes", lambda _: 10**9)
        for words in commands(uri, tmp_path):
            refused(words, "found 1.0 GB free")
    next(there.rglob("responses.npy")).unlink()
    for words in commands(uri, tmp_path):
        refused(words, "responses.npy: is there as the manifest says; found nothing")
    assert not (tmp_path / "run").exists()


def test_a_bucket_that_cannot_be_reached_is_said(refused, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    other_process()
    uri = "s3://bucket/data.packed?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    refused(("check", uri), "cannot reach s3://bucket/data.packed")
