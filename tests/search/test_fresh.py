"""A driver sees, ends and strips runs of machines with which it shares nothing but a store."""

import pytest

from models.bringing import note_store
from models.runs import RunFolder
from search.attributes import ATTRIBUTE_FLAT
from search.fresh import refresh
from search.mirror import WRITER
from search.retention import strip
from tests.search.apart import lose, names, trained
from tests.search.parts import Driver

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_the_driver_sees_what_a_worker_elsewhere_has_done(node, store, tmp_path):
    home = tmp_path / "home"
    note_store(home, store)
    run, steps = RunFolder(home / "runs/0"), node("a")
    refresh(run)
    assert not run.exists
    for epoch in (1, 2):
        steps.step()
        refresh(run)
        assert len(run.metrics()) == epoch
    assert not run.weights.exists()
    trained(steps)
    refresh(run)
    assert run.status().state == "complete"


def test_the_driver_leaves_a_run_alone_that_is_trained_in_its_own_folder(node, store):
    steps = node("a")
    steps.step()
    run = RunFolder(steps.folder)
    run.write_metrics([])
    refresh(run)
    assert run.metrics() == []
    assert (store / "runs/0").read("metrics.jsonl")


def test_weights_of_an_earlier_state_are_no_ones_weights(node):
    old = node("a")
    old.step()
    old.release()
    node("b").step()
    refresh(RunFolder(old.folder))
    assert not (old.folder / "weights.pt").exists()
    assert len(RunFolder(old.folder).metrics()) == 2


@pytest.fixture
def home(node, store, tmp_path):
    """The driver's folder of a search whose run was trained on another machine."""
    home = tmp_path / "home"
    note_store(home, store)
    trained(node("a"))
    refresh(RunFolder(home / "runs/0"))
    return home


def test_retention_removes_in_the_store_what_it_removes_here(home, store):
    (store / "runs/0").remove("status.json")
    for name in ("checkpoint.pt", "predictions/mouse.npz"):
        (store / "runs/0").write(name, b"large")
    (store / "runs/0").write("pinned", b"an ensemble")
    assert strip(home / "runs", [0]) == set()
    assert "checkpoint.pt" in names(store / "runs/0")
    (store / "runs/0").remove("pinned")
    assert strip(home / "runs", [0]) == {0}
    assert names(store / "runs/0") == {"config.json", "metrics.jsonl", "status.json", WRITER}


def test_retention_waits_for_a_store_that_is_away(home, tmp_path):
    lose(tmp_path)
    assert strip(home / "runs", [0]) == set()


@pytest.fixture
def driver(tmp_path, store):
    """The driver of the search, on a machine where nothing is trained."""
    made = Driver(tmp_path / "home/august")
    note_store(made.folder, store)
    made.tracker.begin({})
    return made


def elsewhere(driver, node, number):
    """Steps of a trial on another machine."""
    steps = node("a")
    steps.folder = steps.folder.with_name(str(number))
    steps.flat = driver.trial(number).user_attrs[ATTRIBUTE_FLAT]
    return steps


def test_what_was_lost_after_its_last_epoch_is_complete(driver, node):
    (number,) = driver.begin()
    steps = elsewhere(driver, node, number)
    driver.recorder.epoch(number, steps.step())
    trained(steps)
    driver.recorder.lose(number, steps.flat, "the node is gone", for_good=True)
    assert driver.board.rows[number].state == "complete"
    assert driver.logged(number) == [1, 2, 3, 4]
    assert driver.records("file", number)[0]["path"] == f"runs/{number}/config.json"


def test_how_the_driver_ends_a_run_is_in_the_store(driver, node, store):
    weak, lost = driver.begin(2)
    steps = elsewhere(driver, node, weak)
    result = steps.step()
    driver.recorder.epoch(weak, result)
    driver.recorder.end(weak, result)
    driver.recorder.lose(lost, {**steps.flat}, "the node is gone", for_good=True)
    said = {number: (store / f"runs/{number}").read("status.json") for number in (weak, lost)}
    assert b'"pruned"' in said[weak]
    assert b"the node is gone" in said[lost]
    assert driver.run(weak).exists
    assert not driver.run(weak).weights.exists()


def test_a_store_that_is_away_stops_no_driver(driver, node, tmp_path):
    (number,) = driver.begin()
    steps = elsewhere(driver, node, number)
    lines = trained(steps)
    for line in lines:
        driver.recorder.epoch(number, line)
    lose(tmp_path)
    driver.recorder.end(number, lines[-1])
    assert driver.board.rows[number].state == "complete"
