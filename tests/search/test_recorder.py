"""Every event of a trial is written down once at each place, on disk first."""

import pytest

from models.runs import SCORE, Status
from search.attributes import ATTRIBUTE_REASON, ATTRIBUTE_WEAK
from search.ledger import SEARCH, read_ledger
from search.steps import FAILURE, FINISHED, LEAVING, PAUSED, TRACE
from search.trainable import FLAT, NUMBER
from tests.search import fakes
from tests.search.parts import Driver

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def driver(tmp_path):
    made = Driver(tmp_path / "a")
    made.tracker.begin({})
    return made


@pytest.fixture
def strict(tmp_path):
    """A driver that stops the third of three trials, after each of the epochs 1, 2 and 4."""
    return Driver(tmp_path / "a", rule="asha")


def complete(driver):
    (number,) = driver.begin()
    line = driver.train(number, fakes.EPOCHS)
    driver.finish(number)
    driver.recorder.end(number, line | {FINISHED: True})
    return number


def scores(driver, number):
    return {int(line["epoch"]): line[SCORE] for line in driver.run(number).metrics()}


def test_a_complete_trial_is_the_same_everywhere(driver):
    number = complete(driver)
    trial, status, row = driver.trial(number), driver.run(number).status(), driver.board.rows[0]
    assert (trial.state.name, status.state, row.state) == ("COMPLETE", "complete", "complete")
    assert trial.value == status.score == row.score == scores(driver, number)[fakes.EPOCHS]
    assert trial.intermediate_values == scores(driver, number)
    assert driver.logged(number) == [1, 2, 3, 4]
    assert [each["status"] for each in driver.records("end", number)] == ["FINISHED"]
    assert driver.settled == [1]
    driver.ledger.close()
    assert {each.key for each in read_ledger(driver.folder)} == {"0", SEARCH}
    assert "trial 0 (linear) complete at epoch 4/4" in driver.file.getvalue()


@pytest.mark.parametrize("done", [True, False])
def test_epochs_on_disk_count_when_a_search_is_stopped(driver, done):
    (number,) = driver.begin()
    driver.train(number)
    driver.train(number, fakes.EPOCHS - 1, told=False)
    if done:
        driver.finish(number)
    driver.recorder.interrupt_all()
    trial, row = driver.trial(number), driver.board.rows[number]
    assert trial.intermediate_values == scores(driver, number)
    assert driver.logged(number) == [1, 2, 3, 4]
    assert (trial.state.name, row.state) == (
        ("COMPLETE", "complete") if done else ("RUNNING", "interrupted")
    )
    assert (driver.run(number).status() is not None) == done
    (end,) = driver.records("end", number)
    assert end["status"] == ("FINISHED" if done else "KILLED")


def test_a_trial_that_pauses_stands_still(driver):
    (number,) = driver.begin()
    driver.train(number)
    driver.recorder.end(number, {PAUSED: True, FINISHED: False})
    assert driver.board.rows[number].state == "interrupted"
    assert driver.trial(number).state.name == "RUNNING"
    assert driver.settled == []
    (tags,) = driver.records("tags", number)
    assert list(tags["tags"].values()) == ["interrupted"]
    driver.recorder.start(number, driver.board.rows[number].flat)
    assert len(driver.records("run", number)) == len(driver.records("reopen", number)) == 1


def test_a_complete_trial_has_the_score_of_the_epoch_that_it_kept(driver):
    (number,) = driver.begin()
    line = driver.train(number, 2)
    kept = Status(state="complete", epoch=2, epochs=4, score=0.9, reason="no better score")
    driver.run(number).end(kept)
    driver.recorder.end(number, line | {FINISHED: True})
    assert driver.proposer.study.best_value == driver.board.rows[number].score == 0.9
    assert driver.trial(number).user_attrs[ATTRIBUTE_REASON] == "no better score"


def test_a_weak_trial_is_stopped_everywhere(strict):
    for score in (0.5, 0.4, 0.1):
        (number,) = strict.begin()
        line = strict.train(number, told=False) | {SCORE: score}
        weak = strict.recorder.is_weak(number, line)
    assert weak
    assert strict.trial(2).user_attrs[ATTRIBUTE_WEAK]
    strict.recorder.end(number, line)
    assert strict.trial(2).state.name == "PRUNED"
    assert strict.run(2).status() == Status(
        state="pruned", epoch=1, epochs=4, score=0.1, reason="among the weaker ones after epoch 1"
    )
    assert strict.records("end", 2)[0]["status"] == "KILLED"


def test_a_trial_of_full_budget_is_complete_however_weak_it_is(strict):
    for score in (0.9, 0.8, 0.01):
        (number,) = strict.begin()
        line = strict.train(number, fakes.EPOCHS, told=False)
        weak = strict.recorder.is_weak(number, line | {SCORE: score})
        strict.finish(number)
        strict.recorder.end(number, line | {FINISHED: True})
    assert weak
    assert strict.trial(number).state.name == "COMPLETE"


def test_an_epoch_whose_report_was_lost_is_stored_with_the_next_one(driver):
    (number,) = driver.begin()
    line = driver.train(number, 3, told=False)
    driver.recorder.epoch(number, line)
    assert driver.trial(number).intermediate_values == scores(driver, number)
    assert driver.logged(number) == [1, 2, 3]


def test_a_lost_worker_changes_no_record(driver):
    (number,) = driver.begin()
    line = driver.train(number)
    driver.recorder.start(number, driver.board.rows[number].flat, "ray-id")
    driver.recorder.epoch(number, line | {SCORE: 0.9})
    assert driver.logged(number) == [1]
    assert driver.trial(number).intermediate_values == scores(driver, number)
    assert len(driver.records("run", number)) == 1
    assert driver.records("reopen", number) == []


def test_a_report_without_a_score_is_no_epoch(driver):
    (number,) = driver.begin()
    for wrong in ({SCORE: float("nan")}, {FAILURE: "broken"}, {SCORE: 0.9, FAILURE: "broken"}):
        driver.recorder.epoch(number, {"epoch": 1, **wrong})
        assert not driver.recorder.is_weak(number, {"epoch": 1, **wrong}) or FAILURE in wrong
    assert driver.logged(number) == []
    assert driver.trial(number).intermediate_values == {}


def test_a_failure_has_its_reason_and_its_traceback(driver):
    (number,) = driver.begin()
    driver.train(number)
    driver.recorder.end(number, {FAILURE: "ValueError: a", TRACE: "Traceback", FINISHED: False})
    assert driver.run(number).status().reason == "ValueError: a"
    assert driver.trial(number).state.name == "FAIL"
    assert driver.trial(number).user_attrs[ATTRIBUTE_REASON] == "ValueError: a"
    assert driver.records("text", number)[0]["text"] == "Traceback"
    assert driver.records("end", number)[0]["status"] == "FAILED"


def test_a_worker_that_is_lost_before_it_begins_is_a_failure(driver):
    proposed = driver.proposer.suggest("ray-id")
    driver.recorder.lose(proposed[NUMBER], proposed[FLAT], "the node went away", for_good=True)
    assert driver.run(0).status().reason == "the worker was lost: the node went away"
    assert driver.trial(0).state.name == "FAIL"
    assert len(driver.records("run", 0)) == 1


@pytest.mark.parametrize("for_good", [True, False])
def test_a_worker_that_is_lost_after_it_has_finished_changes_nothing(driver, for_good):
    (number,) = driver.begin()
    driver.train(number)
    driver.train(number, fakes.EPOCHS - 1, told=False)
    driver.finish(number)
    driver.recorder.lose(number, driver.board.rows[number].flat, "the node", for_good)
    assert driver.run(number).status().state == "complete"
    assert driver.trial(number).state.name == "COMPLETE"
    assert driver.logged(number) == [1, 2, 3, 4]


def test_a_trial_that_had_no_worker_yet_is_left_to_another_one(driver):
    proposed = driver.proposer.suggest("ray-id")
    driver.recorder.lose(proposed[NUMBER], proposed[FLAT], "the node went away", for_good=False)
    assert driver.run(0).status() is None
    assert driver.board.rows[0].state == "interrupted"
    assert driver.proposer.suggest("another") == proposed


def test_a_trial_whose_machine_is_taken_away_is_the_next_to_go_on(driver):
    (number,) = driver.begin()
    driver.train(number)
    driver.recorder.end(number, {PAUSED: True, LEAVING: True, FINISHED: False})
    assert driver.board.rows[number].state == "interrupted"
    assert driver.proposer.suggest("another")[NUMBER] == number
    assert driver.proposer.suggest("one more")[NUMBER] != number


def test_the_disk_knows_of_an_end_before_anything_else(driver, monkeypatch):
    (number,) = driver.begin()
    monkeypatch.setattr(driver.tracker, "end", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        driver.recorder.end(number, {FAILURE: "broken", FINISHED: False})
    assert driver.run(number).status().state == "failed"
    assert driver.trial(number).state.name == "RUNNING"


def test_an_exit_while_tune_asks_for_weak_trials_waits_for_the_record(driver, monkeypatch):
    (number,) = driver.begin()
    report = driver.proposer.report

    def interrupted(*arguments):
        driver.flag.leave(143)
        report(*arguments)

    monkeypatch.setattr(driver.proposer, "report", interrupted)
    line = driver.train(number, told=False)
    with pytest.raises(SystemExit):
        driver.recorder.is_weak(number, line)
    assert driver.logged(number) == list(driver.trial(number).intermediate_values) == [1]
