"""Good files of any size are good, and whatever is done to their rows is named exactly."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.check import check_submission
from ensemble.submission import Row
from tests.ensemble.small_sessions import LIVE_MAIN, make_session, right_rows, table_of

TRIALS = 12
"""Of the tier, in each of two mice."""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Two mice of two neurons and twelve trials of the tier between others."""
    data = tmp_path_factory.mktemp("many")
    tiers = ["train", "live_test_main"] * TRIALS
    return [make_session(data / name, [3, 8], tiers, [300] * 24) for name in ("a", "b")]


def verdict(rows, sessions, folder, **options):
    path = folder / LIVE_MAIN
    table_of(rows).to_parquet(path, compression="brotli", index=False, **options)
    return check_submission(path, sessions)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_dropped_doubled_and_shuffled_rows_are_named_exactly(many, tmp_path_factory, data):
    rows = right_rows(many)
    places = list(range(len(rows)))
    dropped = data.draw(st.sets(st.sampled_from(places), max_size=len(rows) - 1))
    left = [place for place in places if place not in dropped]
    doubled = data.draw(st.lists(st.sampled_from(left), max_size=6))
    order = data.draw(st.permutations([*left, *doubled]))
    report = verdict([rows[p] for p in order], many, tmp_path_factory.mktemp("x"))
    told = {problem.where: problem.found for problem in report.problems}
    for mouse, session in zip(("a", "b"), many, strict=True):
        missing = [rows[p].trial for p in sorted(dropped) if rows[p].mouse == mouse]
        if len(missing) == TRIALS:
            assert told.pop(mouse) == f"no row of this mouse, which has {TRIALS} such trials"
        elif missing:
            count, of, named = re.match(
                r"no row for (\d+) of (\d+): (.*)", told.pop(mouse)
            ).groups()
            assert (int(count), int(of)) == (len(missing), len(session.trials("live_test_main")))
            assert named.removesuffix(", ...").split(", ") == [str(t) for t in missing[:8]]
    again = sum(count - 1 for count in Counter(order).values())
    if again > 1:
        assert f"{again} rows" in told
        told.pop(f"{again} rows")
    elif again == 1:
        (where,) = [where for where in told if where.startswith("row ")]
        second = max(place for place, row in enumerate(order) if row == doubled[0])
        assert told.pop(where) == f"the trial of row {order.index(doubled[0])} again"
        assert where.startswith(f"row {second} ")
    assert not told


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_good_file_of_any_size_is_good_in_any_order(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("x")
    lengths = st.sampled_from([240, 300, 315, 324])
    sessions = []
    for mouse in range(data.draw(st.integers(1, 3))):
        ids = sorted(data.draw(st.sets(st.integers(1, 10**6), min_size=1, max_size=7)))
        each = data.draw(st.lists(lengths, min_size=1, max_size=5))
        name = f"dynamic{mouse}"
        sessions.append(make_session(folder / name, ids, ["live_test_main"] * len(each), each))
    longest = data.draw(st.sampled_from([249, 250]))
    rows = data.draw(st.permutations(right_rows(sessions, longest=longest)))
    for report in (verdict(rows, sessions, folder), check_submission(folder / LIVE_MAIN)):
        assert report.problems == ()
        assert (report.rows, report.frames) == (len(rows), longest)
        assert report.values == sum(row.prediction.size for row in rows)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_values_that_are_not_finite_are_counted_wherever_they_are(many, tmp_path_factory, data):
    rows = right_rows(many)
    places = st.tuples(st.integers(0, len(rows) - 1), st.integers(0, 1), st.integers(0, 248))
    values = st.sampled_from([np.nan, np.inf, -np.inf])
    wrong = data.draw(st.dictionaries(places, values, min_size=1, max_size=5))
    for (row, neuron, frame), value in wrong.items():
        rows[row].prediction[neuron, frame] = value
    (problem,) = verdict(rows, many, tmp_path_factory.mktemp("x")).problems
    counts = Counter(row for row, _, _ in wrong)
    assert problem.rule == "predictions are finite"
    for row in sorted(counts)[:3]:
        assert f"{counts[row]} values NaN, null or infinite" in problem.found
        assert f"row {row} (" in f"{problem.where} {problem.found}"


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(5)), which=st.integers(0, 3))
def test_any_other_order_of_neurons_is_named(tmp_path_factory, order, which):
    folder = tmp_path_factory.mktemp("x")
    session = make_session(folder / "m", [1, 2, 4, 8, 16], ["live_test_main"] * 4, [300] * 4)
    rows = right_rows([session])
    row = rows[which]
    rows[which] = Row(row.mouse, row.trial, row.prediction, row.neuron_ids[list(order)])
    problems = verdict(rows, [session], folder).problems
    expected = [] if list(order) == sorted(order) else ["the same ids in another order"]
    assert [problem.found for problem in problems] == expected
