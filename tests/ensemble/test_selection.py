"""What is chosen of moments, and how it is told."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ensemble.crossfit import in_sample
from ensemble.rules import KINDS, WORDS, Limits, Weights
from ensemble.rules.weights import equal
from ensemble.selection import Selection, mean_weights, select
from tests.ensemble.made_moments import made_mice

LABELS = ["a", "b", "c", "d", "e"]
NOISES = [2.0, 0.8, 3.0, 1.0, 9.0]


@pytest.fixture(scope="module")
def mice():
    return made_mice(1, NOISES)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.1, 5), min_size=1, max_size=4))
def test_candidates_are_ranked_with_the_scores_of_weights(seed, noises):
    mice = made_mice(seed, noises)
    found, _ = select(mice, LABELS[: len(noises)], Limits())
    order = [LABELS.index(each.label) for each in found.candidates]
    assert [each.single for each in found.candidates] == sorted(
        (each.single for each in found.candidates), reverse=True
    )
    for place, each in enumerate(found.candidates, start=1):
        alone = Weights(equal([order[place - 1]], len(noises)))
        together = Weights(equal(order[:place], len(noises)))
        assert each.single == pytest.approx(in_sample(mice, alone), abs=1e-12)
        assert each.together == pytest.approx(in_sample(mice, together), abs=1e-12)


def test_every_rule_is_told_and_one_is_used(mice):
    found, weights = select(mice, LABELS, Limits())
    assert [each.rule for each in found.rules] == [kind.name for kind in KINDS]
    assert found.rule in found.rules
    assert found.rule.cross_fitted is not None
    assert found.rule.optimism == found.rule.in_sample - found.rule.cross_fitted
    assert found.used in found.reason
    assert found.chosen == len(weights.used)
    assert found.blocks == len(mice["mouse 0"].blocks)
    given = dict(zip(LABELS, mean_weights(weights, list(mice)), strict=True))
    assert {each.label: each.weight for each in found.candidates} == pytest.approx(given)


def test_a_rule_that_is_asked_for_is_used_and_that_is_said(mice):
    for word, kind in WORDS.items():
        found, weights = select(mice, LABELS, Limits(), word)
        assert found.used == kind.name
        wanted = kind().fit(mice)
        for mouse in mice:
            np.testing.assert_array_equal(weights.of(mouse), wanted.of(mouse))
        best = max(found.rules, key=lambda rule: rule.cross_fitted)
        assert ("as asked for; the best is" in found.reason) == (found.rule != best)


def test_limits_hold(mice):
    found, weights = select(mice, LABELS, Limits(members=2))
    assert found.chosen == len(weights.used) <= 2
    with pytest.raises(ValueError, match="each of 5 members has a cost"):
        select(mice, LABELS, Limits(budgets=(made_budget(3),)))


def made_budget(members):
    from ensemble.rules import Budget

    return Budget((1.0,) * members, 9)


def test_the_worth_of_a_member_is_what_the_mean_of_all_loses_without_it(mice):
    found, _ = select(mice, LABELS, Limits())
    everyone = in_sample(mice, Weights(equal(range(5), 5)))
    worst = found.candidates[-1]
    rest = [place for place, label in enumerate(LABELS) if label != worst.label]
    without = in_sample(mice, Weights(equal(rest, 5)))
    assert worst.worth == pytest.approx(everyone - without, abs=1e-12)
    assert worst.worth < 0 < found.best.worth


def test_similarity_is_in_the_order_of_the_candidates(mice):
    found, _ = select(mice, LABELS, Limits())
    matrix = np.array(found.similarity)
    np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-6)
    np.testing.assert_allclose(matrix, matrix.T)
    # Less noise, more alike: the two best members are those that are most so.
    np.fill_diagonal(matrix, 0)
    assert matrix.max() == matrix[0, 1]


def test_what_cannot_be_told_of_one_block_or_one_member_is_none():
    one_block = {m: each.of_blocks(["00"]) for m, each in made_mice(1, [1.0, 2.0]).items()}
    found, _ = select(one_block, LABELS[:2], Limits())
    assert all(each.cross_fitted is None and each.optimism is None for each in found.rules)
    one_member, _ = select(made_mice(1, [1.0]), ["a"], Limits())
    assert one_member.candidates[0].worth is None
    assert one_member.chosen == 1


def test_a_selection_is_read_back_from_json(mice):
    one_block = {m: each.of_blocks(["00"]) for m, each in mice.items()}
    for found in (select(each, LABELS, Limits())[0] for each in (mice, one_block)):
        adapter = TypeAdapter(Selection)
        content = json.loads(adapter.dump_json(found))
        assert adapter.validate_python(content) == found
