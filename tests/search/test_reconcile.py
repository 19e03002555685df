"""What a killed driver left is brought to one state, whatever it was at."""

import pytest

from models.runs import SCORE, Status
from search.attributes import ATTRIBUTE_FLAT, ATTRIBUTE_REASON, ATTRIBUTE_WEAK
from search.reconcile import reconcile
from search.space import sample
from search.trainable import FLAT, NUMBER
from tests.search import fakes
from tests.search.parts import SPACE, Driver

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def killed(tmp_path):
    """A driver with a trial that has trained two epochs; it is never closed."""
    driver = Driver(tmp_path / "a")
    driver.tracker.begin({})
    driver.begin()
    driver.train(0, 2)
    return driver


def later(killed, **asked):
    """The next driver of the same search, as it stands after it has looked at what is there."""
    driver = Driver(killed.folder, **asked)
    driver.tracker.go_on(driver.outbox.history(), moved=False)
    reconcile(driver.recorder)
    return driver


def state(driver, number=0):
    """Of a trial on the scoreboard, in the study and on disk."""
    status = driver.run(number).status()
    row, trial = driver.board.rows[number], driver.trial(number)
    return row.state, trial.state.name, status and status.state


def assert_all_epochs_are_everywhere(driver, number=0):
    scores = {int(line["epoch"]): line[SCORE] for line in driver.run(number).metrics()}
    assert driver.trial(number).intermediate_values == scores
    assert driver.logged(number) == sorted(scores)
    assert driver.board.rows[number].epoch == max(scores)


def test_what_trained_goes_on_from_where_it_stood(killed):
    flat = killed.trial(0).user_attrs[ATTRIBUTE_FLAT]
    killed.train(0, told=False)
    driver = later(killed)
    assert state(driver) == ("interrupted", "RUNNING", None)
    assert_all_epochs_are_everywhere(driver)
    assert driver.proposer.suggest("ray") == {NUMBER: 0, FLAT: flat}
    driver.recorder.start(0, flat)
    assert len(driver.records("run", 0)) == len(driver.records("reopen", 0)) == 1
    assert driver.proposer.suggest("ray")[NUMBER] == 1


@pytest.mark.parametrize("end", ["complete", "failed"])
def test_what_ended_on_disk_and_was_not_told_is_settled(killed, end):
    killed.train(0, 2, told=False)
    killed.run(0).end(Status(state=end, epoch=4, epochs=4, score=0.5, reason="why"))
    driver = later(killed)
    stored = {"complete": "COMPLETE", "failed": "FAIL"}[end]
    assert state(driver) == (end, stored, end)
    assert_all_epochs_are_everywhere(driver)
    assert driver.trial(0).user_attrs[ATTRIBUTE_REASON] == "why"
    assert driver.trial(0).value == (0.5 if end == "complete" else None)
    assert len(driver.records("end", 0)) == 1
    assert driver.proposer.interrupted == []
    assert driver.settled == [1]


def test_what_was_found_weak_is_stopped(killed):
    killed.proposer.open[0].set_user_attr(ATTRIBUTE_WEAK, True)
    driver = later(killed)
    assert state(driver) == ("pruned", "PRUNED", "pruned")
    assert driver.run(0).status().reason == "among the weaker ones after epoch 2"
    assert driver.proposer.interrupted == []


def test_what_was_found_weak_and_is_complete_on_disk_is_complete(killed):
    killed.train(0, 2, told=False)
    killed.finish(0)
    killed.proposer.open[0].set_user_attr(ATTRIBUTE_WEAK, True)
    assert state(later(killed)) == ("complete", "COMPLETE", "complete")


@pytest.mark.parametrize("end", ["complete", "pruned", "failed"])
@pytest.mark.parametrize("on_disk", ["complete", "failed", None])
def test_what_the_study_says_has_ended_has_ended(killed, end, on_disk):
    status = Status(state=end, epoch=2, epochs=4, score=0.5)
    killed.recorder.settle(killed.board.rows[0], status)
    (killed.run(0).path / "status.json").unlink(missing_ok=True)
    if on_disk:
        killed.run(0).end(Status(state=on_disk, epoch=4, epochs=4, score=0.9))
    driver = later(killed)
    stored = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}[end]
    assert state(driver) == (end, stored, on_disk)
    assert len(driver.records("end", 0)) == 1
    assert driver.settled == []
    if end == "complete":
        assert driver.board.rows[0].score == 0.5


def test_a_trial_that_never_got_a_worker_gets_one(killed):
    proposed = killed.proposer.suggest("ray")
    driver = later(killed)
    assert state(driver, 1) == ("interrupted", "RUNNING", None)
    assert driver.proposer.interrupted == [0, 1]
    driver.proposer.suggest("ray")
    assert driver.proposer.suggest("ray") == proposed
    driver.recorder.start(1, proposed[FLAT])
    assert len(driver.records("run", 1)) == 1


@pytest.mark.parametrize("refused", ["", "has too many parameters"])
def test_a_driver_that_was_killed_while_it_proposed(killed, refused):
    trial = killed.proposer.study.ask()
    if not refused:
        sample(SPACE, trial)
    driver = later(killed, limits_check=lambda _: refused)
    if refused:
        assert driver.trial(1).state.name == "FAIL"
        assert list(driver.board.rows) == [0]
    else:
        assert state(driver, 1) == ("interrupted", "RUNNING", None)
        rate = driver.board.rows[1].flat["training.learning_rate"]
        assert rate == trial.params["training.learning_rate"]
        assert driver.proposer.interrupted == [0, 1]


def test_epochs_that_the_study_has_and_the_outbox_has_not(killed):
    line = killed.train(0, told=False)
    killed.proposer.report(0, 3, line[SCORE])
    driver = later(killed)
    assert_all_epochs_are_everywhere(driver)


def test_records_that_a_power_cut_took_are_made_again(killed):
    killed.train(0, 2, told=False)
    killed.finish(0)
    (killed.folder / "outbox.jsonl").write_text("")
    driver = later(killed)
    assert state(driver) == ("complete", "COMPLETE", "complete")
    assert_all_epochs_are_everywhere(driver)
    assert [each["do"] for each in driver.outbox.history()][:2] == ["run", "run"]


def test_metrics_that_cannot_be_read_are_trained_over(killed):
    (killed.run(0).path / "metrics.jsonl").write_text('{"epoch": 1')
    driver = later(killed)
    assert state(driver) == ("interrupted", "RUNNING", None)
    assert driver.proposer.interrupted == [0]


def test_a_driver_that_is_killed_again_at_once_leaves_the_same(killed):
    killed.begin(2)
    killed.train(1, fakes.EPOCHS, told=False)
    killed.finish(1)
    once = later(killed)
    twice = later(once)
    assert {n: row.state for n, row in twice.board.rows.items()} == {
        0: "interrupted",
        1: "complete",
        2: "interrupted",
    }
    assert twice.proposer.interrupted == once.proposer.interrupted == [0, 2]
    for number in (0, 1):
        assert_all_epochs_are_everywhere(twice, number)
    assert len(twice.records("end", 1)) == 1
