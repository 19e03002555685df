"""A search with several objectives: what is told, what is stopped, and who is on the front."""

import itertools

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from models.runs import Status
from search.attributes import ATTRIBUTE_PARAMETERS, ATTRIBUTE_SECONDS
from search.constraints import mice_of, parameter_count
from search.objectives import (
    ONE,
    costs_of,
    front,
    measured,
    objectives_of,
    ordered,
    ranks,
    values_of,
)
from search.plan import Plan
from search.reconcile import reconcile
from search.retention import kept, to_strip
from search.sampler import load_study, open_study
from search.scoreboard import Row, Scoreboard
from search.space import build
from search.stopping import make_pruner
from search.tables import cost_text, rows_of, search_table, summary
from tests.search import fakes
from tests.search.finished import write_search
from tests.search.parts import Driver, parameters_of

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
BOTH = ("score", "parameters")
ALL = ("score", "parameters", "seconds")


def beats(one, other):
    """Whether values are better in one objective and worse in none."""
    pairs = [(one[0], other[0]), *((-a, -b) for a, b in zip(one[1:], other[1:], strict=True))]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def test_the_score_is_always_the_first_objective():
    assert ordered([]) == ordered(["score"]) == ONE
    assert ordered(["parameters"]) == ordered(["parameters", "score", "parameters"]) == BOTH
    assert Plan(name="a", data="/data").objectives == ONE


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_a_front_is_what_is_beaten_by_none_that_is_left(objectives):
    values = np.random.default_rng(0).integers(0, 6, (60, objectives)).astype(float).tolist()
    places = ranks(values)
    for place in range(max(places) + 1):
        left = [each for each, at in zip(values, places, strict=True) if at >= place]
        for each, at in zip(values, places, strict=True):
            if at >= place:
                assert (at == place) == (not any(beats(other, each) for other in left))
    assert len(ranks([])) == 0


def test_what_is_not_known_counts_as_the_worst():
    known, unknown = (
        values_of(ALL, 0.5, {"parameters": 10, "seconds": 1.5}),
        values_of(ALL, 0.5, {}),
    )
    assert known == [0.5, 10, 1.5]
    assert list(ranks([known, unknown, values_of(ALL, None, {})])) == [0, 1, 2]


def test_parameters_are_those_of_the_network_for_these_recordings(data):
    behaviour = next(data.iterdir()) / "data" / "behavior"
    behaviour.mkdir()
    np.save(behaviour / "0.npy", np.zeros((2, 3)))
    flat = {"network.family": "linear"}
    count = measured(BOTH, data)(flat)
    assert count == parameter_count(build(flat), *mice_of(data)) > 0
    assert measured(("score", "seconds"), data)(flat) is None


@pytest.fixture
def driver(tmp_path):
    return Driver(tmp_path / "a", rule="asha", objectives=ALL)


def test_a_complete_trial_is_told_with_all_its_values(driver):
    driver.begin()
    driver.train(0, fakes.EPOCHS)
    driver.recorder.settle(
        driver.board.rows[0], Status(state="complete", epoch=4, epochs=4, score=0.7)
    )
    stored = load_study(driver.folder, "a").trials[0]
    flat = stored.user_attrs["configuration"]
    assert stored.values == [0.7, parameters_of(flat), pytest.approx(0.01)]
    assert len(stored.intermediate_values) == fakes.EPOCHS
    assert len(stored.user_attrs[ATTRIBUTE_SECONDS]) == fakes.EPOCHS
    (row,) = rows_of(load_study(driver.folder, "a"))
    assert (row.score, row.costs) == (0.7, driver.board.rows[0].costs)
    assert objectives_of(load_study(driver.folder, "a")) == ALL


def test_a_stopped_and_a_failed_trial_have_no_values(driver):
    driver.begin(2)
    for number, state in enumerate(("pruned", "failed")):
        driver.train(number)
        status = Status(state=state, epoch=1, epochs=4, score=0.3, reason="why")
        driver.recorder.settle(driver.board.rows[number], status)
    trials = load_study(driver.folder, "a").trials
    assert [each.state for each in trials] == [TrialState.PRUNED, TrialState.FAIL]
    assert [each.values for each in trials] == [None, None]
    assert all(each.intermediate_values for each in trials)


def test_a_search_that_was_killed_goes_on_with_all_it_knew(driver):
    driver.tracker.begin({})
    driver.begin(2)
    driver.train(0, 2)
    driver.train(0, told=False)
    driver.train(1, fakes.EPOCHS, told=False)
    driver.finish(1)
    later = Driver(driver.folder, rule="asha", objectives=ALL)
    later.tracker.go_on(later.outbox.history(), moved=False)
    reconcile(later.recorder)
    assert [row.state for row in later.board.rows.values()] == ["interrupted", "complete"]
    assert sorted(later.trial(0).user_attrs[ATTRIBUTE_SECONDS]) == ["1", "2", "3"]
    assert later.board.rows[0].costs == costs_of(later.trial(0).user_attrs)
    assert later.trial(1).values == [
        later.run(1).status().score,
        *later.board.rows[1].costs.values(),
    ]
    assert later.board.rows[1].costs.keys() == {"parameters", "seconds"}


def begun(study, parameters):
    trial = study.ask()
    trial.set_user_attr(ATTRIBUTE_PARAMETERS, parameters)
    return trial


def is_stopped(study, score, parameters):
    """Whether a trial with this score is stopped at the first rung."""
    trial = begun(study, parameters)
    study._storage.set_trial_intermediate_value(trial._trial_id, 1, score)
    return study.pruner.prune(study, study._storage.get_trial(trial._trial_id))


def test_a_small_network_is_not_stopped_because_large_ones_score_higher(tmp_path):
    study = open_study(tmp_path, "a", BOTH)
    study.pruner = make_pruner("asha", 9, 1, 3)
    large = [is_stopped(study, score, 1000) for score in (0.5, 0.6, 0.7, 0.65)]
    assert large == [False] * 4
    assert not is_stopped(study, 0.1, 100), "the smallest"
    assert is_stopped(study, 0.1, 1000), "as large as others, and weaker"
    assert not is_stopped(study, 0.05, 50), "smaller than that"


def test_one_objective_is_stopped_by_its_score(tmp_path):
    study = open_study(tmp_path, "a")
    study.pruner = make_pruner("asha", 9, 1, 3)
    assert [is_stopped(study, score, 1000) for score in (0.5, 0.6, 0.7, 0.65)] == [False] * 4
    assert is_stopped(study, 0.1, 100)


def test_a_new_process_stops_as_the_old_one_would(tmp_path):
    def decisions(name, reopened):
        found, draw = [], np.random.default_rng(0)
        study = open_study(tmp_path, name, BOTH)
        for _ in range(30):
            study = open_study(tmp_path, name, BOTH) if reopened else study
            study.pruner = make_pruner("asha", 9, 1, 3)
            study.sampler = optuna.samplers.RandomSampler(seed=0)
            found.append(is_stopped(study, draw.random(), int(draw.integers(1, 1000))))
        return found

    steady = decisions("steady", reopened=False)
    assert decisions("reopened", reopened=True) == steady
    assert set(steady) == {True, False}


def board_of(*ended, objectives=BOTH):
    board = Scoreboard(None, objectives=objectives)
    for number, (score, parameters) in enumerate(ended):
        costs = {"parameters": parameters}
        board.rows[number] = Row(number, {}, 9, 9, score, state="complete", costs=costs)
    return board


def test_the_front_is_kept_beside_the_best():
    board = board_of((0.5, 900), (0.4, 950), (0.3, 100), (0.2, 500), (0.45, 990), (0.1, 50))
    board.rows[6] = Row(6, {}, 9, 3, 0.9, state="pruned", costs={"parameters": 1})
    assert [row.number for row in front(board.rows.values(), BOTH)] == [0, 2, 5]
    assert [row.number for row in kept(board, 2)] == [0, 4, 2, 5]
    assert to_strip(board, 2) == [1, 3, 6]
    assert "3 on the Pareto front" in summary(board)


def test_where_the_score_is_all_there_is_no_front():
    board = board_of((0.5, 900), (0.5, 50), (0.3, 100), objectives=ONE)
    assert front(board.rows.values(), ONE) == []
    assert [row.number for row in kept(board, 1)] == [0]
    assert "front" not in summary(board)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (12.34, "12.3"), (999, "999"), (4567890, "4.57M"), (2e9, "2G")]
)
def test_costs_are_shown_in_few_letters(value, text):
    assert cost_text(value) == text


def test_the_table_shows_costs_and_marks_the_front(tmp_path):
    write_search(tmp_path, "several", ["complete"] * 12 + ["pruned"], objectives=ALL)
    rows = rows_of(load_study(tmp_path / "several", "several"))
    best = {row.number for row in front(rows, ALL)}
    assert 1 < len(best) < 12
    whole, few = search_table(tmp_path, "several"), search_table(tmp_path, "several", most=2)
    columns = {str(column.header): list(map(str, column.cells)) for column in whole.columns}
    assert {"size", "s/epoch"} <= columns.keys()
    assert {int(cell[:-1]) for cell in columns["trial"] if cell.endswith("*")} == best
    assert whole.caption == few.caption == "* on the Pareto front"
    shown = {str(cell).rstrip("*") for cell in few.columns[0].cells} - {"floor"}
    assert shown == {str(row.number) for row in rows[:2]} | {str(number) for number in best}
    assert str(few.title) == "The best and the Pareto front of 'several'"


def test_a_search_for_the_score_alone_has_the_table_that_it_had(tmp_path):
    write_search(tmp_path, "one", ["complete"] * 3)
    headers = [str(column.header) for column in search_table(tmp_path, "one").columns]
    assert headers == ["trial", "family", "state", "epoch", "score", "parameters"]


def test_the_values_in_every_order_have_the_same_front():
    values = [[0.5, 3.0], [0.4, 2.0], [0.4, 2.0], [0.1, 2.5]]
    for order in itertools.permutations(range(4)):
        places = ranks([values[index] for index in order])
        assert {index for index, at in zip(order, places, strict=True) if at == 0} == {0, 1, 2}
