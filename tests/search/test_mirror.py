"""Runs that outlast their machine: what a worker copies to the store, and what another goes on from."""

import shutil

import pytest
import torch

from models.bringing import note_store
from models.checkpoints import load_state
from models.errors import RunError, StorageError
from models.recordings.synthetic import Recipe, write_data_set
from models.remote import Remote
from models.runs import RunFolder, Status
from search import mirror as module
from search import steps as steps_module
from search.mirror import WRITER, Mirror
from search.plan import FIT
from search.steps import FAILURE, FINISHED, PAUSED
from tests.search import fakes
from tests.search.apart import AWAY, TINY, give_back, names, trained

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A store that is away is tried again at once, and not for long."""
    for name in ("BEGINNING", "PAUSING", "ENDING"):
        monkeypatch.setattr(module, name, 0.0)
    AWAY.clear()


def test_a_run_is_copied_epoch_by_epoch(node, store):
    steps, run = node("a"), store / "runs/0"
    assert not names(run)
    steps.step()
    assert names(run) == {"config.json", "metrics.jsonl", "weights.pt", WRITER}
    assert len(run.read("metrics.jsonl").splitlines()) == 1
    assert trained(steps)[-1][FINISHED]
    assert len(run.read("metrics.jsonl").splitlines()) == fakes.EPOCHS
    assert names(run) == {"config.json", "metrics.jsonl", "weights.pt", "status.json", WRITER}


def test_another_machine_goes_on_from_the_store(node):
    first = node("a")
    before = [first.step(), first.step()]
    after = trained(node("b"))
    assert [line["epoch"] for line in [*before, *after]] == [1, 2, 3, 4]
    assert len(RunFolder(node("b").folder).metrics()) == 4


def test_a_folder_that_is_missing_is_brought_back(node):
    first = node("a")
    first.step()
    first.release()
    shutil.rmtree(first.folder)
    assert [line["epoch"] for line in trained(node("a"))] == [2, 3, 4]


def test_a_folder_that_another_machine_has_passed_is_a_remnant(node):
    first = node("a")
    first.step()
    first.release()
    second = node("b")
    assert [second.step()["epoch"], second.step()["epoch"]] == [2, 3]
    assert node("a").step()["epoch"] == 4


def test_a_folder_that_is_further_than_the_store_goes_on(node, tmp_path):
    AWAY.update({2})
    first = node("a", fit="tests.search.apart:Broken")
    assert [first.step()["epoch"], first.step()["epoch"]] == [1, 2]
    first.release()
    give_back(tmp_path)
    assert node("a").step()["epoch"] == 3
    assert node("c").step()["epoch"] == 4


def test_a_machine_that_was_thought_lost_leaves_the_run_alone(node, store):
    lost, other = node("a"), node("b")
    lost.step()
    other.step()
    mine = (store / "runs/0").read(WRITER)
    assert "taken over by another process" in lost.step()[FAILURE]
    assert (store / "runs/0").read(WRITER) == mine
    assert len((store / "runs/0").read("metrics.jsonl").splitlines()) == 2
    assert [line["epoch"] for line in trained(other)] == [3, 4]


@pytest.mark.parametrize("away", [{2}, {1, 2, 3}])
def test_a_store_that_is_away_for_a_while_loses_nothing(node, store, away):
    AWAY.update(away)
    results = trained(node("a", fit="tests.search.apart:Broken"))
    assert [line["epoch"] for line in results] == [1, 2, 3, 4]
    assert results[-1][FINISHED]
    assert len((store / "runs/0").read("metrics.jsonl").splitlines()) == 4
    assert (store / "runs/0").has("status.json")


def test_a_store_that_stays_away_is_the_reason_of_a_failure(node, store):
    AWAY.update({3, 4})
    last = trained(node("a", fit="tests.search.apart:Broken"))[-1]
    assert store.uri in last[FAILURE]
    assert not last[FINISHED]


def test_a_store_that_is_not_there_is_a_failure_with_its_name(node, store, tmp_path):
    (tmp_path / "store").touch()
    steps = node("a")
    assert store.uri in steps.step()[FAILURE]
    assert not (steps.folder / "config.json").exists()


def test_the_store_is_looked_at_for_a_pause_only_now_and_then(node, store, monkeypatch):
    looks = []
    has = Remote.has
    monkeypatch.setattr(Remote, "has", lambda *given: looks.append(given) or has(*given))
    steps = node("a")
    steps.step()
    assert len(looks) == 1
    store.write("pause", b"")
    monkeypatch.setattr(steps_module, "LOOK", 0.0)
    assert not steps._is_to_pause()
    assert len(looks) == 1
    monkeypatch.setattr(steps_module, "LOOK_AT_STORE", 0.0)
    assert steps._is_to_pause()
    assert steps.step() == {PAUSED: True, FINISHED: False}
    store.remove("pause")
    assert [line["epoch"] for line in trained(node("b"))] == [2, 3, 4]


def test_a_worker_keeps_nothing_large_on_its_own_disk(node, store):
    steps = node("a", own_disk=True)
    assert trained(steps)[-1][FINISHED]
    assert not (steps.folder / "weights.pt").exists()
    assert (store / "runs/0").has("weights.pt")
    assert node("a").step()[FINISHED], "it comes back where it is needed"


def test_a_worker_keeps_what_the_store_does_not_have(node):
    AWAY.update({2})
    steps = node("a", fit="tests.search.apart:Broken", own_disk=True)
    steps.step()
    steps.step()
    steps.release()
    assert (steps.folder / "weights.pt").exists()


def test_a_run_that_was_moved_comes_out_as_one_that_was_not(node, tmp_path):
    write_data_set(tmp_path, Recipe(mice=1, neurons=4, train_trials=6, repeats=1))
    alone, first, second = (node(name, FIT, epochs=3) for name in ("alone", "a", "b"))
    alone.settings.store = ""
    for steps in (alone, first, second):
        steps.flat |= TINY
    trained(alone)
    assert first.step()["epoch"] == 1
    first.release()
    assert [line["epoch"] for line in trained(second)] == [2, 3]
    one, other = (load_state(steps.folder / "weights.pt") for steps in (alone, second))
    assert all(torch.equal(one[name], other[name]) for name in one)
    (mouse,) = (alone.folder / "predictions").iterdir()
    assert mouse.read_bytes() == (second.folder / "predictions" / mouse.name).read_bytes()


def test_a_machine_that_is_lost_within_an_epoch_loses_no_checkpoint(
    node, store, tmp_path, monkeypatch
):
    write_data_set(tmp_path, Recipe(mice=1, neurons=4, train_trials=6, repeats=1))
    alone, first, second = (node(name, FIT, epochs=1) for name in ("alone", "a", "b"))
    alone.settings.store = ""
    more = {"training.clips_per_epoch": 16, "training.checkpoint_minutes": 0.0}
    for steps in (alone, first, second):
        steps.flat |= TINY | more
    trained(alone)
    calls = []

    def lose_machine():
        calls.append(names(store / "runs/0"))
        if len(calls) == 4:  # before the epoch, and after the first three of its four steps
            raise SystemExit
        return False

    monkeypatch.setattr(first, "_is_to_pause", lose_machine)
    with pytest.raises(SystemExit):
        first.step()
    assert "checkpoint.pt" not in calls[1]
    assert "checkpoint.pt" in calls[2]
    assert "metrics.jsonl" not in calls[3]
    steps_of_second = []
    monkeypatch.setattr(second, "_is_to_pause", lambda: bool(steps_of_second.append(1)))
    trained(second)
    assert len(steps_of_second) == 2, "before the epoch, and after its third step"
    one, other = (load_state(steps.folder / "weights.pt") for steps in (alone, second))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_files_are_copied_in_the_order_in_which_they_were_written(tmp_path, store, monkeypatch):
    run = tmp_path / "a/runs/0"
    note_store(tmp_path / "a", store)
    mirror = Mirror(run)
    mirror.take()
    for name in ("status.json", "checkpoint.pt", "weights.pt", "metrics.jsonl", "config.json"):
        (run / name).write_text(name)
    (run / "predictions").mkdir()
    (run / "predictions/.half").touch()
    (run / "predictions/mouse.npz").touch()
    sent = []
    upload = Remote.upload
    monkeypatch.setattr(
        Remote, "upload", lambda self, run, files: sent.extend(files) or upload(self, run, files)
    )
    mirror.save()
    assert sent[-1] == "status.json"
    assert sent.index("checkpoint.pt") < sent.index("weights.pt") < sent.index("metrics.jsonl")
    assert "predictions/mouse.npz" in sent
    assert not any(".half" in name for name in sent)
    sent.clear()
    (run / "metrics.jsonl").write_text("more than before")
    mirror.save()
    assert sent == ["metrics.jsonl"]


def test_a_run_that_goes_on_withdraws_its_end_in_the_store_too(tmp_path, store):
    note_store(tmp_path / "a", store)
    run = RunFolder(tmp_path / "a/runs/0")
    mirror = Mirror(run.path)
    mirror.take()
    run.end(Status(state="failed", epoch=1, epochs=2, reason="x"))
    mirror.save()
    assert (store / "runs/0").has("status.json")
    (run.path / "status.json").unlink()
    mirror.save()
    assert not (store / "runs/0").has("status.json")


def test_a_mirror_without_a_store_does_nothing(tmp_path):
    run = tmp_path / "runs/0"
    run.mkdir(parents=True)
    (run / "weights.pt").touch()
    mirror = Mirror(run)
    for action in (
        mirror.take,
        mirror.save,
        mirror.save_before_pause,
        mirror.save_all,
        mirror.drop,
    ):
        action()
    assert [path.name for path in run.iterdir()] == ["weights.pt"]


def test_what_stays_away_is_raised(monkeypatch):
    tries = []

    def fail():
        tries.append(1)
        raise StorageError("away")

    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    with pytest.raises(StorageError):
        module.persistently(0.0, fail)
    assert tries
    with pytest.raises(RunError):
        module.persistently(9.0, lambda: (_ for _ in ()).throw(RunError("not tried again")))
