import math

import numpy as np
import pytest

from ensemble.crossfit import compare, cross_fitted
from ensemble.moments import Moments
from ensemble.rules import every_rule
from ensemble.rules.greedy import Greedy
from ensemble.rules.mean import PlainMean
from ensemble.rules.per_neuron import PerNeuron
from ensemble.rules.simplex import Simplex
from ensemble.rules.single import BestSingle
from ensemble.splits import HeldOut, jackknife_error, splits
from models.metrics import Correlation, over_mice, scored_frames
from tests.ensemble.made_moments import made_mice, made_trials, trial


def beside_noise(seed, useless=7, neurons=30, frames=20, blocks=20):
    """One good member; the others know nothing of the response, but a part of each fits by chance."""
    generator = np.random.default_rng(seed)
    trials = []
    for block in range(blocks):
        signal = generator.normal(size=(neurons, frames))
        response = signal + 2 * generator.normal(size=signal.shape)
        noise = generator.normal(size=(useless, *signal.shape))
        trials.append((f"{block:02d}", *trial(np.stack([signal, *noise]), response)))
    return {"mouse": Moments.collect(trials)}


@pytest.mark.parametrize("rule", [Greedy(), Simplex()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("seed", range(3))
def test_what_noise_seems_to_gain_is_gone_on_other_blocks(rule, seed):
    """Averaged over neurons, weights can fit little; so there are few here."""
    mice = beside_noise(seed, useless=15, neurons=1, frames=12)
    found = compare(mice, [BestSingle(), rule])
    single, fitted = found.rows
    assert fitted.in_sample > single.in_sample + 0.005
    assert fitted.optimism > 0.005
    gain = fitted.cross_fitted - single.cross_fitted
    error = max(single.behind_error, fitted.behind_error)
    assert gain < error
    assert found.used is single


def test_weights_of_neurons_that_fit_noise_are_seen_through():
    mice = beside_noise(1, frames=12)
    found = compare(mice, [BestSingle(), PerNeuron(shrinkage=0.0), PerNeuron()])
    single, unshrunk, shrunk = found.rows
    assert unshrunk.in_sample > single.in_sample + 0.01
    assert unshrunk.cross_fitted < single.cross_fitted - 2 * unshrunk.behind_error
    assert shrunk.cross_fitted == pytest.approx(single.cross_fitted, abs=2e-3)
    assert found.used is single


def test_weights_that_pay_are_used():
    found = compare(made_mice(1, [0.7, 1.0, 4.0, 8.0], neurons=20), every_rule())
    plain = found.rows[0]
    assert found.used.complexity >= 2
    assert found.used.cross_fitted > plain.cross_fitted + 5 * plain.behind_error
    assert found.reason.startswith(found.used.rule)
    assert f"{found.used.cross_fitted:.4f}" in found.reason


def test_the_plain_mean_is_used_where_weights_do_not_pay():
    """Members of equal worth: fitted weights scatter about the equal ones."""
    found = compare(made_mice(4, [1.0] * 5, neurons=20), every_rule())
    assert found.used.rule == "plain mean"
    assert found.weights.shared.tolist() == pytest.approx([0.2] * 5)


@pytest.mark.parametrize("seed", [4, 9])
def test_a_simpler_rule_is_used_that_is_within_an_error_of_the_best(seed):
    mice = made_mice(seed, [1.0, 1.0, 1.1, 1.1], neurons=4, frames=20)
    found = compare(mice, [Simplex(), Greedy(), PlainMean()])
    assert found.used.rule == "plain mean"
    assert found.best.rule != "plain mean"
    assert 0 < found.used.behind <= found.used.behind_error
    assert f"within one standard error of the best, {found.best.rule}" in found.reason


def test_nothing_is_fitted_to_the_blocks_it_is_scored_on():
    """The direct computation: fit, predict frame by frame, and correlate all held-out frames at once."""
    sizes = {"neurons": 5, "blocks": 7, "frames": 12}
    trials = {f"mouse {m}": made_trials(m, [1.0, 1.5, 2.0], **sizes) for m in range(2)}
    mice = {mouse: Moments.collect(each) for mouse, each in trials.items()}
    rule, parts = Simplex(), splits(mice, 3)
    whole = {mouse: Correlation() for mouse in mice}
    for fold in parts:
        kept = {m: [t for t in each if t[0] not in fold.held] for m, each in trials.items()}
        weights = rule.fit({mouse: Moments.collect(each) for mouse, each in kept.items()})
        for mouse, each in trials.items():
            for block, predicted, response in each:
                window = scored_frames(response.shape[1])
                mixed = np.einsum("m,mnt->nt", weights.of(mouse), predicted[..., window])
                if block in fold.held:
                    whole[mouse].add(mixed, response[:, window])
    wanted = over_mice({mouse: each.per_neuron() for mouse, each in whole.items()})
    (board,) = cross_fitted(mice, [rule], parts)
    assert board.score() == pytest.approx(wanted, abs=1e-12)


def test_folds_hold_out_every_block_once():
    mice = made_mice(0, [1.0], blocks=7)
    mice["part"] = mice["mouse 0"].of_blocks(["00", "01"])
    parts = splits(mice, 3)
    assert sorted(block for fold in parts for block in fold.held) == [f"{b:02d}" for b in range(7)]
    for fold in parts:
        assert sorted(fold.held + fold.rest) == [f"{b:02d}" for b in range(7)]
        assert len({"00", "01"} & set(fold.held)) < 2  # the mouse that has only these is heard
    assert len(splits(mice, 50)) == 7
    assert splits({"mouse": mice["mouse 0"].of_blocks(["03"])}, 3) == []
    assert splits({}, 3) == []


def test_the_error_is_that_of_a_jackknife_over_blocks():
    """Of a mean it is the standard deviation over the root of the number, as textbooks have it."""
    values = np.array([3.0, 5.0, 4.0, 9.0])
    without = [np.delete(values, i).mean() for i in range(4)]
    assert jackknife_error(without) == pytest.approx(values.std(ddof=1) / 2)
    assert math.isnan(jackknife_error([1.0]))


def test_the_error_is_about_the_spread_over_data_sets():
    scores, errors = [], []
    for seed in range(40):
        (row,) = compare(made_mice(seed, [1.0], mice=1, neurons=3, blocks=12), [PlainMean()]).rows
        scores.append(row.cross_fitted)
        errors.append(row.error)
    assert np.mean(errors) == pytest.approx(np.std(scores, ddof=1), rel=0.3)


def test_scores_without_a_block_are_those_of_the_others():
    mice = made_mice(2, [1.0, 2.0], blocks=4)
    weights = np.array([0.7, 0.3])
    board = HeldOut()
    board.add(mice, ["00", "01", "02", "03"], lambda _: weights)
    rest = {mouse: each.of_blocks(["00", "01", "03"]) for mouse, each in mice.items()}
    wanted = np.mean([each.score(weights) for each in rest.values()])
    assert board.without_each()["02"] == pytest.approx(wanted, abs=1e-12)


def test_one_block_tells_nothing_and_the_simplest_rule_is_used():
    mice = {mouse: each.of_blocks(["00"]) for mouse, each in made_mice(1, [1.0, 3.0]).items()}
    found = compare(mice, every_rule()[::-1])
    assert found.used.rule == found.best.rule == "plain mean"
    assert all(math.isnan(row.cross_fitted) and math.isnan(row.optimism) for row in found.rows)
    assert all(row.in_sample > 0.1 for row in found.rows)
    assert "cannot be split" in found.reason


def test_a_mouse_without_frames_changes_nothing():
    mice = made_mice(1, [1.0, 3.0])
    blind = Moments.collect(made_trials(0, [1.0, 3.0], frames=0))
    more = compare(mice | {"silent": Moments({}), "blind": blind}, every_rule()[:3])
    assert more.rows == compare(mice, every_rule()[:3]).rows


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="found 0 and 10"):
        compare(made_mice(1, [1.0]), [])
    with pytest.raises(ValueError, match="found 1 and 1"):
        compare(made_mice(1, [1.0]), [PlainMean()], folds=1)
