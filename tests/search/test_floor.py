"""The floor as a task: where it may not go on, it goes on elsewhere."""

from types import SimpleNamespace

import pytest

from models.runs import FLOOR_RUN
from search import floor as module
from search.floor import Floor, train
from search.ledger import Ledger
from search.outbox import Outbox
from search.scoreboard import Scoreboard
from search.steps import FAILURE, LEAVING, PAUSED, Settings
from search.tracking import Tracker
from search.trainable import NODE

FLAT = {"network.family": "linear"}


@pytest.fixture
def settings(tmp_path):
    return Settings(runs=tmp_path / "first/runs", data=tmp_path, fit="none:None")


@pytest.fixture
def results(monkeypatch):
    """What the next tasks come to; those that were asked for are gone."""
    waiting = []
    fake = SimpleNamespace(
        wait=lambda references, **_: (references if waiting else [], []),
        get=lambda _: waiting.pop(0),
        exceptions=SimpleNamespace(RayError=RuntimeError),
    )
    monkeypatch.setattr(module, "ray", fake)
    return waiting


@pytest.fixture
def floor(tmp_path, settings, results):
    """A floor whose tasks are counted; `results` is theirs."""
    search = tmp_path / "first"
    search.mkdir()
    begun, heard = [], []
    tracker, ledger = Tracker(Outbox(search), search), Ledger(search, 0.0)

    def submit(*given):
        begun.append(given)

    folder = search / FLOOR_RUN
    made = Floor(settings, folder, FLAT, tracker, ledger, submit, heard.append)
    made.begun, made.results, made.heard = begun, results, heard
    return made


def test_a_floor_whose_machine_is_taken_away_begins_again_elsewhere(floor):
    board = Scoreboard(1)
    left = {PAUSED: True, LEAVING: True, NODE: "a"}
    floor.results.append(left)
    floor.collect(board)
    assert not floor.is_over
    assert floor.heard == [left], "so that the node gets nothing more"
    assert board.floor is None
    assert len(floor.begun) == 2
    assert floor.begun[0] == floor.begun[1]
    floor.results.append({FAILURE: "it is too large"})
    floor.collect(board)
    assert floor.is_over
    assert board.floor.reason == "it is too large"
    assert floor.heard == [left], "this one came from nowhere"


def test_a_floor_that_ctrl_c_has_paused_stands_still(floor):
    floor.results.append({PAUSED: True})
    floor.collect(Scoreboard(1))
    assert floor.is_over
    assert len(floor.begun) == 1


def test_a_node_with_other_code_trains_nothing_and_says_why(settings, tmp_path):
    settings.code = "other"
    result = train(settings, tmp_path / "first/floor", FLAT)
    assert result[PAUSED]
    assert "this node has code" in result[LEAVING]
    assert "the driver other" in result[LEAVING]
    assert not (tmp_path / "first").exists()
