"""The films, the animals and the neurons that generated recordings are made with."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics import single_trial_correlation
from models.recordings.synthetic import stimuli
from models.recordings.synthetic.behaviour import animal
from models.recordings.synthetic.brain import grow
from models.recordings.synthetic.films import film
from models.recordings.synthetic.seeds import generator, wander
from models.recordings.synthetic.windows import bounce, windows

COUNT = 32


@pytest.fixture(scope="module")
def natural():
    return np.stack([film(0, f"natural/seen/{number}") for number in range(16)])  # (16, T, H, W)


@pytest.fixture(scope="module")
def brain():
    return grow(0, 0, COUNT)


@pytest.fixture(scope="module")
def trials(brain, natural):
    """(behaviour, rates, recorded, expected) of a trial a film."""
    made = []
    for number, shown in enumerate(natural):
        random = generator(0, "test", number)
        behaviour = brain.animal.trial(random, len(shown), number / len(natural))
        rates = brain.rates(shown, behaviour)
        recorded = brain.calcium.recorded(rates, random)
        made.append((behaviour, rates, recorded, brain.calcium.expected(rates)))
    return made


def still(brain, frames, gaze=(0.0, 0.0), running=0.0):
    """(4, T) of an animal that keeps its eyes where they usually are, plus `gaze`."""
    behaviour = np.full((4, frames), running, dtype=np.float32)
    behaviour[0] = brain.animal.dilation[0]
    behaviour[2:] = (brain.animal.gaze + gaze)[:, None]
    return behaviour


def slope(power, frequencies):
    return np.polyfit(np.log(frequencies), np.log(power[frequencies]), 1)[0]


def test_films_have_realistic_grey_values(natural):
    assert natural.mean() == pytest.approx(79, abs=8)
    assert natural.std() == pytest.approx(57, abs=7)
    assert (natural == 255).mean() < 0.05


def test_amplitudes_of_films_fall_about_as_one_over_frequency_in_space_and_time(natural):
    across = natural - natural.mean(axis=-1, keepdims=True)
    power = (np.abs(np.fft.rfft(across, axis=-1)) ** 2).mean(axis=(0, 1, 2))
    assert -2.5 < slope(power, np.arange(1, 25)) < -1.3
    along = (natural - natural.mean(axis=1, keepdims=True)) * np.hanning(300)[:, None, None]
    power = (np.abs(np.fft.rfft(along, axis=1)) ** 2).mean(axis=(0, 2, 3))
    assert -2.5 < slope(power, np.arange(2, 100)) < -1.3


def test_films_move_smoothly_with_few_cuts(natural):
    frames = natural.reshape(*natural.shape[:2], -1).astype(np.float32)
    frames -= frames.mean(axis=-1, keepdims=True)
    frames /= np.linalg.norm(frames, axis=-1, keepdims=True)
    alike = (frames[:, 1:] * frames[:, :-1]).sum(axis=-1)  # (films, T - 1)
    assert (np.median(alike, axis=1) < 0.999).all()
    assert (np.median(alike, axis=1) > 0.7).all()
    cuts = (alike < 0.3).sum(axis=1)
    assert set(cuts.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("kind", stimuli.KINDS)
def test_other_stimuli_have_the_competitions_lengths_and_their_own_pixels(kind):
    shortest, longest = stimuli.LENGTHS[kind]
    one, other = film(0, f"{kind}/x/0"), film(0, f"{kind}/x/1")
    assert shortest <= len(one) <= longest
    assert one.dtype == np.uint8
    assert one.std() > 15
    assert not np.array_equal(one[:240], other[:240])
    repeated = (one[1:] == one[:-1]).all(axis=(1, 2)).mean()
    steady = {"natural_images": (0.8, 1), "gaussian_dots": (0.9, 0.95)}.get(kind, (0, 0))
    assert steady[0] <= repeated <= steady[1]


def test_films_cannot_be_changed_by_those_who_look():
    with pytest.raises(ValueError, match="read-only"):
        film(0, "natural/seen/0")[0, 0, 0] = 1


def test_the_noise_free_response_is_the_expectation_of_the_recorded_one(brain, trials):
    _, rates, _, expected = trials[0]
    draws, random = 400, np.random.default_rng(1)
    sums = np.zeros((2, *rates.shape))
    for _ in range(draws):
        recorded = brain.calcium.recorded(8 * rates, random)  # more spikes: nearer to Gaussian
        sums += np.stack([recorded, recorded.astype(float) ** 2])
    mean, square = sums / draws
    error = np.sqrt(np.maximum(square - mean**2, 1e-12) / draws)
    z = (mean - 8 * expected) / error  # (N, T)
    assert np.abs(z).max() < 6.5
    assert np.sqrt((z**2).mean()) == pytest.approx(1, abs=0.25)
    assert np.abs((mean - 8 * expected).mean(axis=1) / expected.mean(axis=1) / 8).max() < 0.12


def test_the_expectation_of_a_neuron_without_shared_gain_is_tight(brain, trials):
    calcium = replace(brain.calcium, loading=np.zeros_like(brain.calcium.loading))
    _, rates, _, expected = trials[1]
    random = np.random.default_rng(2)
    mean = np.mean([calcium.recorded(20 * rates, random) for _ in range(300)], axis=0) / 20
    for n in range(COUNT):
        assert np.corrcoef(mean[n], expected[n])[0, 1] > 0.97
    np.testing.assert_allclose(mean.mean(axis=1), expected.mean(axis=1), rtol=0.06)


def test_responses_have_realistic_magnitudes(trials):
    responses = np.concatenate([recorded for _, _, recorded, _ in trials], axis=1)
    std = responses.std(axis=1)
    assert responses.min() >= 0
    assert 0.5 < std.min() < std.max() < 140
    assert 7 < np.median(std) < 17
    assert (np.median(responses, axis=1) / std).max() < 0.5
    assert np.median(np.median(responses, axis=1) / std) < 0.05  # sparse
    assert np.median(responses.max(axis=1) / std) > 8  # heavy upper tail


def test_the_ceiling_leaves_room_and_differs_over_neurons(trials):
    pairs = [(expected[:, 50:299], recorded[:, 50:299]) for _, _, recorded, expected in trials]
    ceiling = single_trial_correlation(pairs)
    assert 0.33 < ceiling.mean() < 0.52
    assert np.ptp(ceiling) > 0.2


def test_knowing_the_gaze_or_the_running_scores_better(brain, natural, trials):
    blind, informed = [], []
    for shown, (_, _, recorded, expected) in zip(natural[:12], trials, strict=False):
        unaware = brain.calcium.expected(brain.rates(shown, still(brain, len(shown))))
        blind.append((unaware, recorded))
        informed.append((expected, recorded))
    better = single_trial_correlation(informed) - single_trial_correlation(blind)
    assert better.mean() > 0.03


def test_a_gaze_shift_is_a_shift_of_the_film(brain, natural):
    shown = natural[2]
    gaze = np.linalg.solve(brain.neurons.gaze, [2.0, 4.0])  # two pixels down, four to the right
    moved = np.roll(shown, (-2, -4), axis=(1, 2))
    one = brain.rates(shown, still(brain, 300, gaze))
    other = brain.rates(moved, still(brain, 300))
    before = brain.rates(shown, still(brain, 300))
    agree = [np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)]
    differ = [np.corrcoef(a, b)[0, 1] for a, b in zip(one, before, strict=True)]
    assert np.median(agree) > 0.98
    assert np.median(differ) < 0.8


def test_the_gaze_never_leaves_the_film(brain, natural):
    far = still(brain, 300, gaze=(500.0, -500.0))
    assert np.isfinite(brain.rates(natural[0], far)).all()


def test_running_scales_responses(brain, natural):
    rest = brain.rates(natural[0], still(brain, 300))
    run = brain.rates(natural[0], still(brain, 300, running=brain.animal.top_speed))
    ratio = (run / rest)[:, 100:]
    assert ratio.mean() > 1.3
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-3)


def gratings(neurons, sign):
    """Drives (N, N, 60) of all neurons by gratings, each at one neuron's preference, drifting."""
    even, odd = (f.reshape(-1, 36, 64) for f in (neurons.fields.even, neurons.fields.odd))
    phase = sign * 2 * np.pi * np.arange(60) / 15
    mixed = (
        np.cos(phase)[:, None, None] * even[:, None] + np.sin(phase)[:, None, None] * odd[:, None]
    )
    films = np.rint(128 + 250 * mixed).clip(0, 255).astype(np.uint8)  # (N, 60, H, W)
    return np.stack([neurons.drive(f, still_of(neurons), HABITS) for f in films])


HABITS = animal(0, 0)


def still_of(_neurons):
    behaviour = np.zeros((4, 60), dtype=np.float32)
    behaviour[0] = HABITS.dilation[0]
    behaviour[2:] = HABITS.gaze[:, None]
    return behaviour


def own(drives):
    """(N, 30): each neuron's drive by its own grating, settled."""
    return np.stack([drives[n, n, 30:] for n in range(len(drives))])


@pytest.fixture(scope="module")
def few():
    neurons = grow(0, 0, 6).neurons
    return replace(neurons, gaze=np.zeros((2, 2)), exponent=np.full((6, 1), 2, dtype=np.float32))


def with_all(neurons, **values):
    return replace(neurons, **{k: np.full((6, 1), v, dtype=np.float32) for k, v in values.items()})


def test_direction_selective_neurons_prefer_a_direction(few):
    selective = with_all(few, direction=1, complexity=1)
    there, back = (own(gratings(selective, sign)).mean(axis=1) for sign in (1, -1))
    assert (np.maximum(there, back) > 2 * np.minimum(there, back)).all()
    neutral = with_all(few, direction=0, complexity=1)
    there, back = (own(gratings(neutral, sign)).mean(axis=1) for sign in (1, -1))
    np.testing.assert_allclose(there, back, rtol=0.1)


def test_simple_cells_follow_the_phase_and_complex_ones_do_not(few):
    simple, complex_ = (own(gratings(with_all(few, direction=1, complexity=c), -1)) for c in (0, 1))
    modulation = [d.std(axis=1) / d.mean(axis=1) for d in (simple, complex_)]
    assert (modulation[0] > 0.8).all()
    assert (modulation[1] < 0.3).all()


def test_contrast_is_normalised(few, natural):
    shown = natural[3].astype(float)
    low, high = (
        np.rint(79 + factor * (shown - 79)).clip(0, 255).astype(np.uint8) for factor in (0.3, 0.6)
    )
    behaviour = np.repeat(still_of(few)[:, :1], 300, axis=1)
    ratio = few.drive(high, behaviour, HABITS).mean(axis=1) / few.drive(
        low, behaviour, HABITS
    ).mean(axis=1)
    assert (ratio > 1).all()
    assert (ratio < 3.2).all()  # 4 without normalisation, as the exponent is 2


def test_neighbours_look_at_neighbouring_places(brain):
    energy = brain.neurons.fields.surround.reshape(-1, 36, 64)
    column = (energy.sum(axis=1) @ np.arange(64)) / energy.sum(axis=(1, 2))
    row = (energy.sum(axis=2) @ np.arange(36)) / energy.sum(axis=(1, 2))
    for place in (row, column):
        design = np.column_stack([brain.neurons.coordinates[:, :2], np.ones(COUNT)])
        residual = place - design @ np.linalg.lstsq(design, place)[0]
        assert 0.7 < 1 - residual.var() / place.var() < 1


def test_behaviour_is_plausible_and_drifts_over_the_session():
    habits = animal(5, 1)
    trials = [habits.trial(generator(5, n), 300, n / 200) for n in range(200)]
    dilation, running, *centre = np.concatenate(trials, axis=1)
    assert dilation.min() > 0
    assert running.min() == 0
    assert 0.1 < (running > 1).mean() < 0.9
    assert np.corrcoef(dilation, running)[0, 1] > 0.2
    for axis in range(2):
        assert centre[axis].mean() == pytest.approx(habits.gaze[axis], abs=habits.gaze_spread[axis])
    means = np.array([trial[0].mean() for trial in trials])
    slow = np.convolve(means, np.ones(20) / 20, "valid")
    assert slow.std() > 1.5 * means.std() / np.sqrt(20)


def test_walks_are_standard_normal_from_the_first_frame_on():
    walks = wander(np.random.default_rng(0), 4000, 60, 20)
    np.testing.assert_allclose(walks.mean(axis=0), 0, atol=0.08)
    np.testing.assert_allclose(walks.std(axis=0), 1, atol=0.06)
    assert np.corrcoef(walks[:, 10], walks[:, 30])[0, 1] == pytest.approx(np.exp(-1), abs=0.06)


def test_a_window_moves_by_fractions_of_a_pixel():
    canvas = np.arange(40 * 70, dtype=np.float32).reshape(1, 40, 70)
    np.testing.assert_array_equal(windows(canvas, [2], [3])[0], canvas[0, 2:38, 3:67])
    np.testing.assert_allclose(windows(canvas, [2.25], [3.5])[0], canvas[0, 2:38, 3:67] + 18)


@given(st.floats(-1e4, 1e4), st.floats(0.5, 100))
def test_a_path_bounces_off_its_limits(place, limit):
    folded = bounce(np.array([place]), limit)[0]
    assert -1e-9 <= folded <= limit
    if 0 <= place <= limit:
        assert folded == pytest.approx(place, abs=1e-6)
