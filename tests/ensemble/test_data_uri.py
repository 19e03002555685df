"""Ensembles for recordings that are known by their URI."""

import pytest

from ensemble.manifest import Manifest
from ensemble.predicting.making import Maker
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.recordings.store.cache import VARIABLE
from tests.ensemble.build_fixtures import Demo
from tests.ensemble.building import build_into
from tests.models.fetching import other_process, uploaded
from tests.models.packed_stores import packed


@pytest.fixture(scope="module")
def store(demo, tmp_path_factory):
    """The recordings of the tiny search, packed."""
    return packed(demo.data, tmp_path_factory.mktemp("stores") / "data.packed")


@pytest.fixture
def uri(store, tmp_path, monkeypatch):
    """Of the store, which nobody has fetched yet."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    other_process()
    uploaded(store, (tmp_path / "bucket").as_uri())
    yield (tmp_path / "bucket").as_uri()
    other_process()


def test_the_files_are_those_of_the_folder(demo, store, uri, tmp_path, command):
    _, here = build_into(tmp_path / "here", Demo(store, demo.home))
    words = ["build", "demo", "--data", uri, "--home", demo.home, "--unconfirmed"]
    words += ["--rule", "mean", "--top", "2", "--out", tmp_path / "there", "--device", "cpu"]
    code, printed = command(*words)
    assert code == 0, printed
    assert f"fetched to {tmp_path / 'cache'}" in printed
    manifest = Manifest.read(tmp_path / "there")
    assert manifest.data == manifest.options["data"] == uri
    assert manifest.data_fingerprint == fingerprint(open_sessions(store))
    there = {entry.name: entry.sha256 for entry in manifest.files}
    assert {name: there[name] for name in here} == here
    code, printed = command("check", tmp_path / "there", "--data", uri)
    assert code == 0, printed


def test_workers_open_recordings_by_their_uri(uri, monkeypatch, demo, tmp_path):
    """Each on its own machine; here the folder of another one, to which nothing was fetched."""
    opened, begin = [], Maker.__init__

    def elsewhere(maker, job, *words):
        monkeypatch.setenv(VARIABLE, str(tmp_path / "another"))
        other_process()
        opened.append(job.data)
        begin(maker, job, *words)

    monkeypatch.setattr(Maker, "__init__", elsewhere)
    build_into(tmp_path / "out", Demo(uri, demo.home))
    assert opened == [uri]
    assert [path.name for path in (tmp_path / "another").glob("*-*")]


@pytest.mark.parametrize("words", [("build", "demo", "--out", "OUT"), ("score", "OUT")])
def test_a_uri_without_a_store_is_refused(command, tmp_path, words):
    given = [tmp_path / "out" if word == "OUT" else word for word in words]
    code, printed = command(*given, "--data", (tmp_path / "nothing").as_uri())
    assert (code, "is no packed store" in printed) == (2, True)
    assert not (tmp_path / "out").exists()
