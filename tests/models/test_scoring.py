import numpy as np
import pytest

from models.recordings.folder import SessionFolder
from models.scoring import Scoreboard
from tests.models.broken_sessions import save

TIER = "live_test_bonus"


def session_of(folder, neurons, frames=310, varying=True):
    """A session that has a name and the responses' standard deviations, which is all that counts."""
    std = np.random.default_rng(neurons).gamma(2, 5, (neurons, frames if varying else 1))
    std[0] *= 1e-4  # below a hundredth of the mean: its precision is that of the hundredth
    if varying:
        std[:, 300:] = np.nan
    save(folder / "meta/statistics/responses/all/std.npy", std)
    return SessionFolder(folder), std


def trial_of(neurons, length, seed):
    generator = np.random.default_rng(seed)
    response = generator.gamma(1, 10, (neurons, length))
    return response + generator.normal(0, 10, response.shape), response


def expected_per_neuron(trials, std, last):
    """numpy's correlation of what the server compares, written out."""
    floor = 0.01 * np.nanmean(std)
    precision = np.where(std > floor, 1 / std, 1 / floor)
    sides = []
    for side in range(2):
        pieces = []
        for trial in trials:
            end = min(trial[side].shape[1], 300) - (250 - last)
            scaled = (
                trial[side] * np.broadcast_to(precision, (len(std), 310))[:, : trial[side].shape[1]]
            )
            pieces.append(scaled[:, 50:end])
        sides.append(np.concatenate(pieces, axis=1))
    return [np.corrcoef(p, r)[0, 1] for p, r in zip(*sides, strict=True)]


@pytest.mark.parametrize("last", [249, 250])
@pytest.mark.parametrize("varying", [True, False])
def test_a_tier_of_two_mice_as_the_server_scores_it(tmp_path, last, varying):
    board, expected = Scoreboard(frames=last), []
    for mouse, neurons in (("a", 3), ("b", 5)):
        session, std = session_of(tmp_path / mouse, neurons, varying=varying)
        trials = [trial_of(neurons, length, seed) for seed, length in enumerate((300, 240, 310))]
        for prediction, response in trials:
            board.add(session, TIER, "", prediction, response)
        expected.append(expected_per_neuron(trials, std, last))
    assert board.score(TIER) == pytest.approx(np.mean([np.mean(e) for e in expected]), abs=1e-7)
    over_all = np.mean(np.concatenate(expected))
    assert board.score_over_neurons(TIER) == pytest.approx(over_all, abs=1e-7)
    assert board.score(TIER) != pytest.approx(over_all, abs=1e-4)


def test_without_normalising_the_precision_does_not_count(tmp_path):
    session, _ = session_of(tmp_path / "a", 3)
    prediction, response = trial_of(3, 300, seed=0)
    boards = Scoreboard(normalise=False), Scoreboard()
    for board in boards:
        board.add(session, TIER, "", prediction, response)
    frames = slice(50, 299)
    pairs = zip(prediction[:, frames], response[:, frames], strict=True)
    raw = np.mean([np.corrcoef(p, r)[0, 1] for p, r in pairs])
    assert boards[0].score(TIER) == pytest.approx(raw, abs=1e-7)
    assert boards[1].score(TIER) != pytest.approx(raw, abs=1e-4)


def test_kinds_count_equally_whatever_mice_saw_them(tmp_path):
    board = Scoreboard()
    single = {}
    shown = {"gabor": ("a", "b"), "dots": ("a",)}
    for kind, mice in shown.items():
        for mouse in mice:
            session, std = session_of(tmp_path / mouse, 3)
            trial = trial_of(3, 300, seed=len(single))
            board.add(session, TIER, kind, *trial)
            single[kind, mouse] = np.mean(expected_per_neuron([trial], std, 249))
    gabor = np.mean([single["gabor", "a"], single["gabor", "b"]])
    assert board.kinds(TIER) == ["dots", "gabor"]
    assert board.kind_score(TIER, "gabor") == pytest.approx(gabor, abs=1e-7)
    both = (gabor + single["dots", "a"]) / 2
    assert board.score(TIER) == pytest.approx(both, abs=1e-7)
    assert board.score(TIER) != pytest.approx(np.mean(list(single.values())), abs=1e-4)


def test_tiers_are_kept_apart_and_an_unknown_one_is_no_number(tmp_path):
    session, std = session_of(tmp_path / "a", 3)
    board = Scoreboard()
    trials = {tier: trial_of(3, 300, seed) for seed, tier in enumerate(("oracle", TIER))}
    for tier, trial in trials.items():
        board.add(session, tier, "", *trial)
    for tier, trial in trials.items():
        wanted = np.mean(expected_per_neuron([trial], std, 249))
        assert board.score(tier) == pytest.approx(wanted, abs=1e-7)
    assert np.isnan(board.score("final_test_main"))
    assert np.isnan(board.score_over_neurons("final_test_main"))
    assert board.kinds("final_test_main") == []


def test_a_perfect_prediction_scores_one_and_its_negative_minus_one(tmp_path):
    session, _ = session_of(tmp_path / "a", 3)
    _, response = trial_of(3, 300, seed=0)
    for factor, score in ((2.0, 1.0), (-1.0, -1.0)):
        board = Scoreboard()
        board.add(session, TIER, "", factor * response, response)
        assert board.score(TIER) == pytest.approx(score, abs=1e-5)


def test_scoreboards_of_some_trials_each_are_joined(tmp_path):
    whole, first, second = Scoreboard(), Scoreboard(), Scoreboard()
    for mouse, part in (("a", first), ("a", second), ("b", second)):
        session, _ = session_of(tmp_path / mouse, 3)
        for length in (300, 240):
            trial = trial_of(3, length, seed=length + (part is second))
            for board in (whole, part):
                board.add(session, TIER, "dots", *trial)
    joined = Scoreboard()
    joined.join(first)
    joined.join(second)
    assert joined.score(TIER) == pytest.approx(whole.score(TIER), abs=1e-12)
    assert joined.kinds(TIER) == ["dots"]
    again = Scoreboard()
    again.join(joined)
    assert again.score(TIER) == joined.score(TIER)
    assert joined.score(TIER) != pytest.approx(first.score(TIER), abs=1e-3)
