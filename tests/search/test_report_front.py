"""What a report shows of several objectives, and of several brackets."""

import pytest

from models.pages import Chart, Table
from search.halving import places
from search.objectives import front
from search.report.front import front_figure, pareto_front
from search.report.history import read_history
from search.report.importance import importance
from search.report.overview import overview
from search.report.page import FILE, sections, write_report
from search.report.rungs import by_bracket, rungs, rungs_of
from tests.search.finished import MANY, write_search

BOTH = ("score", "parameters")


@pytest.fixture(scope="module")
def searches(tmp_path_factory):
    """A folder with searches for two and for three objectives, which are left as they are."""
    folder = tmp_path_factory.mktemp("searches")
    write_search(folder, "two", MANY, objectives=BOTH)
    write_search(folder, "three", MANY[:8], objectives=(*BOTH, "seconds"))
    write_search(folder, "brackets", MANY, brackets=2)
    return folder


def test_the_figure_has_the_front_in_steps_and_those_that_are_beaten(searches):
    history = read_history(searches, "two")
    best = front(history.trials, BOTH)
    beaten, drawn = front_figure(history, best, "parameters").data
    assert len(drawn.x) == len(best) > 1
    assert len(beaten.x) == len(history.ranked()) - len(best)
    assert list(drawn.x) == sorted(trial.costs["parameters"] for trial in best)
    assert list(drawn.y) == sorted(trial.score for trial in best)
    assert (drawn.mode, drawn.line.shape) == ("lines+markers", "hv")
    assert drawn.name == f"the front ({len(best)})"


def test_with_three_objectives_there_is_a_figure_a_cost_without_steps(searches):
    history = read_history(searches, "three")
    blocks = pareto_front(history, searches / "three" / FILE)
    charts = [block for block in blocks if isinstance(block, Chart)]
    assert [chart.title for chart in charts] == ["parameters of the network", "s an epoch"]
    assert all(trace.mode == "markers" for chart in charts for trace in chart.figure.data)


def test_the_table_has_the_front_best_first_with_its_costs(searches):
    history = read_history(searches, "two")
    best = front(history.trials, BOTH)
    (table,) = [
        block
        for block in pareto_front(history, searches / "two" / FILE)
        if isinstance(block, Table)
    ]
    assert [row[0] for row in table.rows] == [str(trial.number) for trial in best]
    assert [row[2] for row in table.rows] == [f"{trial.score:.4f}" for trial in best]
    assert table.look(3) == "number"
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_the_page_has_the_front_where_it_was_asked_for(searches):
    keys = [each.key for each in sections(read_history(searches, "two"), searches / FILE)]
    assert keys[:2] == ["best", "front"]
    assert "front" not in [
        each.key for each in sections(read_history(searches, "brackets"), searches / FILE)
    ]
    assert ("objectives", "score, parameters") in overview(read_history(searches, "two")).pairs
    text = write_report(searches, "two").read_text()
    assert "Pareto front" in text


def test_importance_is_of_the_score(searches):
    charts = importance(read_history(searches, "two"))[1:]
    alone = importance(read_history(searches, "brackets"))[1:]
    assert [each.title for each in charts] == [each.title for each in alone] != []
    for one, other in zip(charts, alone, strict=True):
        assert one.figure.data[0].x == other.figure.data[0].x


def test_a_search_without_a_complete_trial_has_no_front(tmp_path):
    write_search(tmp_path, "none", ["pruned", "failed"], objectives=BOTH)
    (note,) = pareto_front(read_history(tmp_path, "none"), tmp_path / FILE)
    assert "no front" in note.text


def test_rungs_are_those_of_a_bracket(searches):
    history = read_history(searches, "brackets")
    dealt = places(2, history.plan.reduction)
    found = by_bracket(history)
    for bracket, rungs_ in enumerate(found):
        own = [each for each in history.trials if dealt[each.number % len(dealt)] == bracket]
        assert rungs_ == rungs_of(own)
    assert sum(each[0].reached for each in found) == len(history.trials)
    blocks = rungs(history)
    titles = [block.title for block in blocks if isinstance(block, Chart)]
    assert titles == ["Bracket 1 of 2", "Bracket 2 of 2"]
    assert "3 times later" in blocks[0].text


def test_a_bracket_without_a_trial_has_no_figure(tmp_path):
    write_search(tmp_path, "few", ["complete"], brackets=2)
    blocks = rungs(read_history(tmp_path, "few"))
    assert len([block for block in blocks if isinstance(block, Chart)]) == 1
