"""Searches with a store: what members lack here is brought from there, and nothing else."""

import io
import shutil
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from ensemble import build as building
from ensemble import tracked
from ensemble.asking import options_of
from ensemble.build import Options, rebuild
from ensemble.candidates import members_of_runs
from ensemble.chosen import Wanted
from ensemble.costs import budgets
from ensemble.manifest import Manifest
from ensemble.stores import Holdings, store_for
from models import cli, console
from models.bringing import note_store
from models.errors import ProblemsFound, StorageError, UserError
from models.recordings.data_set import open_sessions
from models.remote import Remote
from models.runs import TAG_NUMBER, TAG_RUN_FOLDER, RunFolder
from tests.buckets import BUCKET, bucket_at_hand
from tests.ensemble.build_fixtures import COMPLETE, complete_ones
from tests.ensemble.building import build_into, files_of


@pytest.fixture
def store(tmp_path):
    return Remote.parse((tmp_path / "bucket/demo").as_uri())


@pytest.fixture
def stored(demo, store, tmp_path):
    """The demo's search, of whose runs only small files are here."""
    return demo.stored(tmp_path / "home", store)


@pytest.fixture(scope="module")
def files(demo, tmp_path_factory):
    """What a build makes where everything is here."""
    return build_into(tmp_path_factory.mktemp("here"), demo)[1]


def with_weights(demo):
    return {number for number in COMPLETE if RunFolder(demo.run(number)).weights.exists()}


def test_a_build_brings_predictions_of_candidates_and_weights_of_members(stored, files, tmp_path):
    text, made = build_into(tmp_path / "out", stored)
    assert made == files
    members = {member.label for member in Manifest.read(tmp_path / "out").members}
    assert len(members) == 2
    assert with_weights(stored) == members
    assert all([*stored.run(number).glob("predictions/*.npz")] for number in COMPLETE)
    assert not [*stored.folder.rglob("checkpoint.pt")]
    assert "fetching predictions of 3 runs from the store" in text
    assert "fetching weights of 3 runs from the store" in text, "two members and the floor"
    again, _ = build_into(tmp_path / "out", stored)
    assert "fetching" not in again


def test_members_are_pinned_in_the_store_as_well(stored, store, tmp_path, monkeypatch):
    build_into(tmp_path / "out", stored)
    pinned = {name for name in store.sizes() if name.endswith("/pinned")}
    members = Manifest.read(tmp_path / "out").members
    assert pinned == {f"runs/{member.label}/pinned" for member in members}

    def refuse(*_):
        raise StorageError("access denied")

    monkeypatch.setattr(Remote, "upload", refuse)
    text, _ = build_into(tmp_path / "out", stored)
    assert "may lose their weights in the store, and keep them here: access denied" in text


def test_a_bucket_gives_the_same(demo, files, tmp_path):
    with bucket_at_hand():
        stored = demo.stored(tmp_path / "home", Remote.parse(f"s3://{BUCKET}/searches/demo"))
        _, made = build_into(tmp_path / "out", stored)
    assert made == files


def test_a_run_whose_weights_are_nowhere_is_left_out(stored, store):
    store.remove("runs/1/weights.pt")
    found = complete_ones(stored)
    assert {member.label for member in found.members} == {"0", "4"}
    assert [why for why in found.left_out if "without weights" in why]
    with pytest.raises(UserError, match="without weights"):
        members_of_runs([stored.run(1)])


def test_a_floor_that_is_only_in_the_store_counts(stored, store):
    assert complete_ones(stored).floor == RunFolder(stored.folder / "floor")
    store.remove("floor/weights.pt")
    assert complete_ones(stored).floor is None


def test_a_store_is_asked_once_and_only_for_what_is_missing(stored, demo, monkeypatch):
    asked, sizes = [], Remote.sizes
    monkeypatch.setattr(Remote, "sizes", lambda remote: asked.append(remote.uri) or sizes(remote))
    complete_ones(stored)
    assert len(asked) == 1
    complete_ones(demo)
    assert len(asked) == 1
    note_store(stored.folder, Remote.parse("file:///nowhere"))
    for number in (*COMPLETE, "../floor"):
        shutil.copy(demo.run(number) / "weights.pt", stored.run(number) / "weights.pt")
    complete_ones(stored)
    assert len(asked) == 1


def test_a_search_without_a_store_holds_what_is_here(demo, tmp_path):
    copied = demo.copy(tmp_path / "home")
    run = RunFolder(copied.run(0))
    assert Holdings().has_weights(run)
    run.weights.unlink()
    assert not Holdings().has_weights(run)


def test_predictions_that_are_nowhere_are_refused_as_ever(stored, store, tmp_path):
    mouse = open_sessions(stored.data)[0].name
    store.remove(f"runs/1/predictions/{mouse}.npz")
    with pytest.raises(UserError, match=f"runs/1/predictions/{mouse}.npz is missing"):
        build_into(tmp_path / "out", stored)


def test_run_folders_are_brought_as_well(stored, tmp_path):
    text = io.StringIO()
    options = Options(stored.data, tmp_path / "out", Wanted(top=1), device="cpu")
    built = building.build(members_of_runs([stored.run(1)]), options, Console(file=text))
    assert built.ok
    assert with_weights(stored) == {"1"}


def test_trials_that_mlflow_finds_are_brought_as_well(stored, store, monkeypatch):
    shutil.rmtree(stored.folder / "runs")
    found = []
    for number in ("0", "4"):
        tags = {TAG_RUN_FOLDER: str(stored.run(number)), TAG_NUMBER: number}
        data, info = SimpleNamespace(tags=tags), SimpleNamespace(run_id=number)
        found.append(SimpleNamespace(data=data, info=info))
    monkeypatch.setattr(tracked, "_found", lambda *_: found)
    candidates = tracked.members_by_query(stored.home, "a query", unconfirmed=True)
    assert {member.label for member in candidates.members} == {"0", "4"}
    store.remove("runs/4/config.json")
    shutil.rmtree(stored.folder / "runs")
    with pytest.raises(ProblemsFound, match="its run folder is on this machine"):
        tracked.members_by_query(stored.home, "a query", unconfirmed=True)


def test_a_manifest_brings_its_members(stored, store, files, tmp_path):
    build_into(tmp_path / "out", stored)
    manifest = Manifest.read(tmp_path / "out")
    shutil.rmtree(stored.folder / "runs")
    asked = Options(stored.data, tmp_path / "again", device="cpu")
    options = options_of(manifest, asked)
    assert rebuild(manifest, options, Console(file=io.StringIO())).ok
    assert files_of(tmp_path / "again") == files
    shutil.rmtree(stored.folder / "runs")
    for entry in manifest.members:
        store.remove(f"runs/{entry.label}/weights.pt")
    with pytest.raises(ProblemsFound, match=r"no weights\.pt"):
        rebuild(manifest, options, Console(file=io.StringIO()))


def test_budgets_bring_the_weights_that_they_weigh(stored):
    members = complete_ones(stored).members
    assert not budgets(members, open_sessions(stored.data), None, None)
    assert not with_weights(stored)
    (found,) = budgets(members, open_sessions(stored.data), 1.0, None)
    assert all(found.costs)
    assert with_weights(stored) == {*COMPLETE}


def command(monkeypatch, *words):
    """The exit code of `python -m models <words>` in this process."""
    monkeypatch.setattr(sys, "argv", ["models", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        console.run(cli.app, "python -m models")
    return ended.value.code or 0


def test_one_run_is_brought_to_score_and_to_predict(stored, tmp_path, monkeypatch):
    monkeypatch.chdir(stored.folder / "runs")  # a relative name is below its search, too
    words = ("--data", stored.data, "--device", "cpu")
    assert command(monkeypatch, "score", "4", *words) == 0
    assert command(monkeypatch, "predict", "1", *words, "--out", tmp_path / "out") == 0
    assert with_weights(stored) == {"1", "4"}


def test_teachers_are_brought(stored, tmp_path, monkeypatch):
    build_into(tmp_path / "out", stored)
    shutil.rmtree(stored.folder / "runs")
    words = ("distill", stored.data, "--device", "cpu", "--run", tmp_path / "student")
    words += ("--set", "training.epochs=1")
    assert command(monkeypatch, *words, "--manifest", tmp_path / "out") == 0
    assert len(with_weights(stored)) == 2
    assert RunFolder(tmp_path / "student").status().state == "complete"


@pytest.mark.parametrize(
    ("asked", "address", "found"),
    [
        (None, None, None),
        (None, "local", None),
        (None, "auto", "s3://bucket/searches"),
        (None, "head:6379", "s3://bucket/searches"),
        ("s3://bucket/work/", "auto", "s3://bucket/work"),
        ("s3://bucket/work", "local", "s3://bucket/work"),
    ],
)
def test_which_store_a_build_has(asked, address, found, monkeypatch):
    monkeypatch.setenv("SENSORIUM_STORE", "s3://bucket/searches")
    assert store_for(asked, address) == found
    monkeypatch.delenv("SENSORIUM_STORE")
    assert store_for(None, "auto") is None
