"""One contract for all rules, and what is particular to each."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.cross_products import CrossProducts
from ensemble.crossfit import in_sample
from ensemble.moments import Moments
from ensemble.rules import KINDS, every_rule
from ensemble.rules.bagged import BaggedGreedy
from ensemble.rules.crew import TIE, Crew, first_best
from ensemble.rules.greedy import Greedy
from ensemble.rules.limits import Budget, Limits
from ensemble.rules.mean import PlainMean
from ensemble.rules.per_mouse import PerMouse
from ensemble.rules.per_neuron import PerNeuron
from ensemble.rules.simplex import Simplex
from ensemble.rules.single import BestSingle
from ensemble.rules.top import TopK
from tests.ensemble.made_moments import made_mice, made_trials

NOISES = [2.0, 0.8, 3.0, 1.0, 9.0]
INCLUDE_THE_BEST_SINGLE = [BestSingle, TopK, Greedy, Simplex, PerMouse, PerNeuron]
every = pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.name)


def limited(members, most, costs):
    """Limits with a single budget."""
    return Limits(members, (Budget(costs, most),))


@pytest.fixture(scope="module")
def mice():
    """Members of different worth, not in their order."""
    return made_mice(1, NOISES)


def with_members(mice, change):
    """Moments in which each trial's predictions are changed."""
    return {
        f"mouse {m}": Moments.collect(
            [(b, change(p), r) for b, p, r in made_trials(100 + m, NOISES)]
        )
        for m in range(len(mice))
    }


@every
def test_weights_are_on_the_simplex(rule, mice):
    weights = rule.fit(mice)
    for mouse in [*mice, "another"]:
        each = weights.of(mouse)
        assert each.shape in {(5,), (8, 5)}
        assert (each >= 0).all()
        np.testing.assert_allclose(each.sum(axis=-1), 1, rtol=1e-12)


@every
def test_the_same_moments_give_the_same_weights(rule, mice):
    one, other = rule.fit(mice), rule.fit(dict(reversed(mice.items())))
    for mouse in mice:
        np.testing.assert_array_equal(one.of(mouse), other.of(mouse))


@every
def test_the_order_of_the_members_does_not_matter(rule, mice):
    order = [3, 0, 4, 2, 1]
    turned = with_members(mice, lambda p: p[order])
    straight, other = rule.fit(mice), rule.fit(turned)
    for mouse in mice:
        wanted = straight.of(mouse)[..., order]
        # A way up ends where a step gains less than 1e-8: a top is that flat as far as this.
        np.testing.assert_allclose(other.of(mouse), wanted, rtol=0, atol=1e-3)
    assert in_sample(turned, other) == pytest.approx(in_sample(mice, straight), abs=1e-7)


@every
@pytest.mark.parametrize("twin", range(5))
def test_a_member_that_is_there_twice_changes_no_score(rule, mice, twin):
    doubled = with_members(mice, lambda p: np.concatenate([p, p[[twin]]]))
    assert in_sample(doubled, rule.fit(doubled)) == pytest.approx(
        in_sample(mice, rule.fit(mice)), abs=1e-9
    )


@every
@pytest.mark.parametrize("value", [0.0, 1e4, 0.1])
def test_a_constant_member_does_no_harm(rule, mice, value):
    more = with_members(mice, lambda p: np.concatenate([np.full_like(p[:1], value), p]))
    weights = rule.fit(more)
    assert 0 not in weights.used
    assert in_sample(more, weights) == pytest.approx(in_sample(mice, rule.fit(mice)), abs=1e-9)


@every
def test_constant_members_alone_score_zero(rule):
    constant = made_mice(1, [1, 1], scale=0.0)
    weights = rule.fit(constant)
    assert len(weights.used) == 1
    assert in_sample(constant, weights) == pytest.approx(0, abs=1e-8)


@every
def test_one_member_takes_all(rule):
    weights = rule.fit(made_mice(2, [1.0]))
    assert weights.used == [0]
    assert weights.of("mouse 0").tolist() in ([1.0], [[1.0]] * 8)


@pytest.mark.parametrize("kind", INCLUDE_THE_BEST_SINGLE)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limits", [Limits(), Limits(members=2), limited(2, 3, (1, 3, 1, 2, 1))])
def test_no_worse_in_sample_than_the_best_single(kind, seed, limits):
    mice = made_mice(seed, NOISES, frames=8, noise=3.0)
    single = in_sample(mice, BestSingle(limits=limits).fit(mice))
    assert in_sample(mice, kind(limits=limits).fit(mice)) >= single - 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "limits",
    [
        Limits(members=1),
        Limits(members=2),
        limited(4, 6, (5, 4, 1, 4, 1)),
        limited(None, 5, (2,) * 5),
        Limits(None, (Budget((5, 1, 3, 2, 4), 8), Budget((1, 5, 1, 4, 2), 6))),
    ],
)
def test_limits_are_kept(kind, limits, mice):
    weights = kind(limits=limits).fit(mice)
    assert 1 <= len(weights.used) <= (limits.members or 5)
    for budget in limits.budgets:
        assert sum(budget.costs[member] for member in weights.used) <= budget.most


@every
def test_a_mouse_without_frames_has_no_say(rule, mice):
    more = mice | {
        "silent": Moments({}),
        "blind": Moments.collect(made_trials(0, NOISES, frames=0)),
    }
    weights, wanted = rule.fit(more), rule.fit(mice)
    np.testing.assert_array_equal(weights.of("silent"), wanted.shared)
    np.testing.assert_array_equal(weights.of("mouse 1"), wanted.of("mouse 1"))


@every
def test_what_cannot_be_fitted_is_refused(rule, mice):
    with pytest.raises(ValueError, match="no mouse has a frame"):
        rule.fit({"silent": Moments({})})
    with pytest.raises(ValueError, match=r"the same members; found \[1, 5\]"):
        rule.fit(mice | {"other": Moments.collect(made_trials(0, [1]))})
    with pytest.raises(ValueError, match="each of 5 members has a cost; found 2"):
        replace(rule, limits=limited(None, 9, (1, 2))).fit(mice)
    with pytest.raises(ValueError, match="found a cost of 2"):
        replace(rule, limits=limited(None, 1, (2, 3, 2, 3, 4))).fit(mice)
    apart = Limits(None, (Budget((1, 1, 1, 9, 9), 1), Budget((9, 9, 9, 1, 1), 1)))
    with pytest.raises(ValueError, match="the budgets together pay at least one member"):
        replace(rule, limits=apart).fit(mice)


def test_limits_that_cannot_be_meant():
    with pytest.raises(ValueError, match="found 0"):
        Limits(members=0)
    for costs, most in (((-1,), 1), ((np.nan,), 1), ((1,), -1), ((1,), np.nan)):
        with pytest.raises(ValueError, match="found"):
            Budget(costs, most)


def test_names_and_complexities_differ():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert [kind.complexity for kind in KINDS] == list(range(len(KINDS)))


def test_plain_rules(mice):
    assert PlainMean().fit(mice).shared.tolist() == [0.2] * 5
    assert BestSingle().fit(mice).shared.tolist() == [0, 1, 0, 0, 0]
    assert TopK().fit(mice).shared.tolist() == [0, 0.5, 0, 0.5, 0]
    assert PlainMean(limits=Limits(members=2)).fit(mice).shared.tolist() == [0, 0.5, 0, 0.5, 0]


def test_each_greedy_step_adds_the_best_member(mice):
    """The way, step by step, from scores of whole weights; the best point of it so far is kept."""
    crew = Crew.of(mice)
    counts = np.array([0.0, 1, 0, 1, 0])  # of the best prefix
    best, kept = crew.score(counts / 2), counts
    passed = 0
    for steps in range(1, 12):
        options = [counts + np.eye(5)[member] for member in range(5)]
        counts = max(options, key=lambda each: crew.score(each / each.sum()))
        score = crew.score(counts / counts.sum())
        passed += score < best
        best, kept = (score, counts) if score > best + 1e-12 else (best, kept)
        found = Greedy(steps=steps).fit(mice).shared
        np.testing.assert_allclose(found, kept / kept.sum(), atol=1e-12)
    assert passed


def test_of_equal_members_greedy_takes_one_that_is_in():
    """Members that are an offset apart score alike, however many of each there are."""
    trials = [(b, np.concatenate([p, p + 5]), r) for b, p, r in made_trials(1, [1.0])]
    assert len(Greedy().fit({"mouse": Moments.collect(trials)}).used) == 1
    assert first_best(np.array([0.3, 0.5, 0.5 + TIE / 2]), favoured=[2]) == 2
    assert first_best(np.array([0.3, 0.5, 0.5 + TIE / 2]), favoured=[0]) == 1
    assert first_best(np.array([0.3, 0.5, 0.5 + 2 * TIE]), favoured=[1]) == 2


def test_of_members_that_are_alike_the_cheapest_is_taken(mice):
    doubled = with_members(mice, lambda p: np.concatenate([p, p[[1]]]))
    limits = limited(None, 9, (5, 5, 5, 5, 5, 2))
    assert BestSingle(limits=limits).fit(doubled).used == [5]
    assert TopK(limits=limits).fit(doubled).used == [3, 5]


def test_bags_depend_on_their_seed_alone(mice):
    one, same, other = (BaggedGreedy(seed=seed).fit(mice).shared for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_rules_look_at_sums_alone(mice):
    """Blocks are only for rules that cross-fit: the others see their total."""
    joined = {m: Moments({"all": each.total}) for m, each in mice.items()}
    assert isinstance(joined["mouse 0"].blocks["all"], CrossProducts)
    for rule in every_rule()[:-1]:
        np.testing.assert_array_equal(rule.fit(joined).shared, rule.fit(mice).shared)
