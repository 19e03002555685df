"""The race of confirmed configurations: who is stopped, who never is, and how often by chance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search.confirm.racing import FEWEST, race, rejected, worse_by_chance


def scores_of(means, blocks=10, noise=0.003, seed=0):
    """Scores of candidates with these means, in blocks that differ far more than they do."""
    random = np.random.default_rng(seed)
    hard = random.normal(0, 0.05, blocks)
    return {
        number: [float(each) for each in mean + hard + random.normal(0, noise, blocks)]
        for number, mean in enumerate(means)
    }


def test_a_clearly_worse_candidate_is_stopped_as_soon_as_it_may():
    found = race(scores_of([0.2, 0.1, 0.2], noise=0.0005))
    assert 1 in found.stopped
    assert f"below trial {found.leader} over {FEWEST} blocks" in found.stopped[1]
    assert found.blocks == 10


def test_two_blocks_stop_nobody():
    assert not race(scores_of([0.2, 0.1], blocks=2, noise=0)).stopped


def test_who_was_dropped_stays_so_and_changes_nothing_for_the_others():
    scores = scores_of([0.2, 0.197, 0.19, 0.2], noise=0.004)
    whole = race(scores)
    for number, reason in whole.stopped.items():
        blocks = int(reason.split(" over ")[1].split()[0])
        lacking = {**scores, number: scores[number][:blocks] + [None] * (10 - blocks)}
        again = race(lacking, {number: reason})
        assert again == whole
        later = race({**scores, number: scores[number][:1] + [None] * 9}, {number: reason})
        assert (later.stopped[number], later.leader) == (reason, whole.leader)
    assert whole.stopped, "the rest is told of someone"


def test_who_was_dropped_does_not_lead_where_fewer_blocks_would_make_it():
    found = race({1: [0.5, 0.4], 2: [0.3, 0.3]}, {1: "worse over 6 blocks"})
    assert (found.leader, found.running, found.blocks) == (2, [2], 2)
    assert found.stopped == {1: "worse over 6 blocks"}
    assert race({1: [0.5], 2: [None]}, {1: "worse"}).leader is None


def test_what_is_the_same_is_not_stopped():
    row = [0.2, 0.3, 0.1, 0.2]
    found = race({7: row, 3: row})
    assert (found.running, found.leader, found.stopped) == ([7, 3], 7, {})


def test_the_best_candidate_is_rarely_stopped_by_noise():
    """Ten candidates closer together than another seed moves them, 300 times."""
    lost = stopped = 0
    for seed in range(300):
        means = np.random.default_rng([seed, 1]).normal(0, 0.003, 10)
        found = race(scores_of(means, seed=seed))
        lost += int(np.argmax(means)) in found.stopped
        stopped += len(found.stopped)
    assert lost / 300 < 0.05
    assert stopped / 300 > 3, "the race spares trainings"


def test_equal_candidates_are_stopped_rarely_in_one_look():
    """Holm's correction holds its level over all candidates against a leader that is not chosen."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        differences = random.normal(0, 1, (9, 5))
        wrong += bool(rejected({i: worse_by_chance(row) for i, row in enumerate(differences)}))
    assert wrong / 400 < 0.08


def test_p_values_are_those_of_the_paired_t_test():
    one, other = np.random.default_rng(0).normal(0, 1, (2, 6))
    expected = stats.ttest_rel(one, other, alternative="less").pvalue
    assert worse_by_chance(one - other) == pytest.approx(expected, rel=1e-12)
    assert worse_by_chance(np.zeros(4)) == 1
    assert worse_by_chance(np.full(4, -0.5)) == 0


def test_holm_by_hand():
    assert rejected({1: 0.01, 2: 0.04, 3: 0.02}) == [1, 3, 2]
    assert rejected({1: 0.01, 2: 0.06, 3: 0.04}) == [1]
    assert rejected({1: 0.02, 2: 0.03, 3: 0.02}) == []
    assert rejected({}) == []


def test_a_failed_candidate_stops_nobody_and_holds_nobody_up():
    found = race({1: [0.9, 0.9, math.nan, None], 2: [0.2, 0.2, 0.2, 0.2], 3: [0.1, 0.1, 0.1, None]})
    assert (found.blocks, found.leader) == (4, 2)
    assert (found.running, list(found.stopped)) == ([2], [3])


rows = st.lists(st.one_of(st.none(), st.floats(-1, 1, width=16)), min_size=6, max_size=6)


@given(st.dictionaries(st.integers(0, 20), rows, min_size=1, max_size=5))
def test_a_race_is_consistent(scores):
    found = race(scores)
    assert found.leader is None or found.leader in found.running, "a leader is never stopped"
    assert sorted([*found.running, *found.stopped]) == sorted(scores)
    for number in found.running:
        assert all(score is not None for score in scores[number][: found.blocks])


@given(st.integers(1, 6), st.integers(0, 2**16))
def test_more_blocks_do_not_undo_what_is_decided(blocks, seed):
    scores = scores_of([0.2, 0.19, 0.15, 0.1], noise=0.01, seed=seed)
    early = race({number: row[:blocks] for number, row in scores.items()})
    late = race(scores)
    assert {number: late.stopped.get(number) for number in early.stopped} == early.stopped
