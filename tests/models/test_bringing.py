"""What is missing of a run is fetched from its search's store, and nothing else."""

import pytest

from models.bringing import bring, note_store, store_of
from models.remote import Remote
from models.runs import RunFolder


@pytest.fixture
def store(tmp_path):
    return Remote.parse((tmp_path / "bucket/august").as_uri())


@pytest.fixture
def run(tmp_path, store):
    """A run of a search with a store, of which nothing is here."""
    search = tmp_path / "searches/august"
    search.mkdir(parents=True)
    note_store(search, store)
    return RunFolder(search / "runs/3")


def test_a_run_lies_below_its_search_in_the_store(run, store, tmp_path):
    assert store_of(run.path).uri == f"{store.uri}/runs/3"
    assert store_of(tmp_path / "searches/august").uri == store.uri
    assert store_of(tmp_path / "searches") is None


def test_what_is_missing_is_fetched(run, store):
    there = store / "runs/3"
    for name in ("weights.pt", "status.json", "predictions/a.npz", "predictions/b.npz"):
        there.write(name, name.encode())
    run.path.mkdir(parents=True)
    (run.path / "status.json").write_bytes(b"mine")
    bring(run, ["weights.pt", "status.json", "checkpoint.pt", "predictions/"])
    assert run.weights.read_bytes() == b"weights.pt"
    assert (run.path / "status.json").read_bytes() == b"mine"
    assert not run.checkpoint.exists()
    assert sorted(path.name for path in (run.path / "predictions").iterdir()) == ["a.npz", "b.npz"]


def test_a_folder_that_was_fetched_in_part_is_completed(run, store):
    for name in ("a.npz", "b.npz"):
        (store / "runs/3").write(f"predictions/{name}", b"theirs")
    (run.path / "predictions").mkdir(parents=True)
    (run.path / "predictions/a.npz").write_bytes(b"mine")
    bring(run, ["predictions/"])
    found = {path.name: path.read_bytes() for path in (run.path / "predictions").iterdir()}
    assert found == {"a.npz": b"mine", "b.npz": b"theirs"}


def test_a_search_without_a_store_is_left_alone(tmp_path):
    run = RunFolder(tmp_path / "searches/august/runs/3")
    bring(run, ["weights.pt"])
    assert not run.path.exists()
