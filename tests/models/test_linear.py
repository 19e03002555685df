"""The linear-nonlinear floor: ridge regression with a strength a neuron, and what is made of it."""

import pytest
import torch

from models.fit import Fit
from models.networks.blocks import standardised
from models.networks.linear import Linear, LinearConfig, part_of_film
from models.networks.network import Shown
from models.networks.ridge import PARTS, Solver, Sums, ridge
from models.networks.waves import bumps, cosine_pictures
from models.recordings.trials import load_trials
from tests.models.tiny import config_of, mouse_of

SIZE = (9, 16)
CONFIG = LinearConfig(pictures=30, time_courses=3, history=6, filters=3, clip_frames=40)
NOISE = torch.tensor([0.3, 5.0])
"""Of a clean and of a noisy neuron, in standard deviations of what they mean to say."""


def regression(seed=0, frames=240, features=80):
    """Features, true weights and responses of a clean and a noisy neuron, in `PARTS` parts."""
    random = torch.Generator().manual_seed(seed)
    true = torch.randn(features, 2, generator=random) / features**0.5
    x = torch.randn(frames, features, generator=random) + 1
    y = x @ true + NOISE * torch.randn(frames, 2, generator=random) + 3
    return x, true, y, [Sums.of(*part) for part in zip(x.chunk(PARTS), y.chunk(PARTS), strict=True)]


def shown(trials=16, frames=60, seed=0):
    """Films with power at low frequencies, seen by a clean and a noisy neuron; their one true filter.

    (trials, (K * J,)); the filter is of low frequencies, too.
    """
    network, random = linear(), torch.Generator().manual_seed(seed)
    amplitude = 1 / (1 + torch.arange(30) / 3)
    true = (amplitude[:, None] * torch.randn(30, 3, generator=random)).flatten()
    made = []
    for number in range(trials):
        seen = amplitude * torch.randn(frames, 30, generator=random)
        video = 79 + 57 * 12 * (seen @ cosine_pictures(SIZE, 30)).unflatten(1, SIZE)
        states = torch.rand(4, frames, generator=random)
        drive = true @ network.basis.features(standardised(video).flatten(1)).T
        noise = NOISE[:, None] * torch.randn(2, frames, generator=random)
        responses = torch.relu(drive / drive.std() + noise)
        made.append(Shown(0, f"{number:04x}", video, states, responses))
    return made, true


def linear(neurons=(2,)):
    torch.manual_seed(0)
    return Linear(CONFIG, [mouse_of(count) for count in neurons], SIZE)


def weights(network, mouse=0):
    """(N, K * J) the filters of a mouse, in what they started in."""
    neurons, basis = network.readouts[mouse], network.basis
    pictures, courses = neurons.pictures @ basis.pictures.T, neurons.time_courses @ basis.courses.T
    return torch.einsum("nrk,nrj->nkj", pictures, courses).flatten(1).detach()


def likeness(filters, true):
    return torch.cosine_similarity(filters, true, dim=-1)


def test_sums_of_parts_are_those_of_the_whole():
    x, _, y, parts = regression()
    whole = parts[0] + parts[1] + parts[2] + parts[3]
    gram, cross = whole.about(whole)
    x, y = (values.double() - values.double().mean(0) for values in (x, y))
    torch.testing.assert_close(gram, x.T @ x, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(cross, x.T @ y, rtol=1e-4, atol=1e-2)
    rest = whole - parts[3]
    torch.testing.assert_close(rest.about(rest)[0], (parts[0] + parts[1] + parts[2]).about(rest)[0])


def test_sums_about_another_part_s_means():
    x, _, y, parts = regression()
    means = x[:60].double().mean(0), y[:60].double().mean(0)
    away = [values[60:120].double() - mean for values, mean in zip((x, y), means, strict=True)]
    gram, cross = parts[1].about(parts[0])
    torch.testing.assert_close(gram, away[0].T @ away[0], rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(cross, away[0].T @ away[1], rtol=1e-4, atol=1e-2)


def test_weights_solve_the_ridge_equations_with_each_neuron_s_strength():
    x, _, y, parts = regression()
    found = ridge(parts)
    x, y = (values.double() - values.double().mean(0) for values in (x, y))
    for neuron, strength in enumerate(found.strengths):
        gram = x.T @ x + len(x) * strength * torch.eye(x.shape[1])
        weights = torch.linalg.solve(gram, x.T @ y[:, neuron])
        torch.testing.assert_close(found.weights[:, neuron], weights, rtol=1e-3, atol=1e-4)


def test_a_noisy_neuron_is_shrunk_more_and_both_are_found_better_than_without():
    _, true, _, parts = regression()
    found = ridge(parts)
    clean, noisy = found.strengths
    assert noisy > 10 * clean
    plain = Solver(parts[0] + parts[1] + parts[2] + parts[3]).weights(torch.tensor(0.0))
    errors, plain_errors = ((w - true).square().sum(0) for w in (found.weights, plain))
    assert (errors < plain_errors).all()
    assert errors[1] < 0.2 * plain_errors[1]


def test_parts_that_cannot_be_held_out_give_the_largest_strength():
    _, _, _, parts = regression()
    alone = ridge([parts[0] + parts[1] + parts[2] + parts[3]])
    assert alone.strengths[0] == alone.strengths[1]
    assert alone.strengths[0] > ridge(parts).strengths[0]
    assert torch.isfinite(alone.weights).all()


def test_filters_of_a_known_neuron_are_recovered_better_than_without_regularisation():
    trials, true = shown()
    network = linear()
    before = likeness(weights(network), true)
    network.prepare(iter(trials))
    parts = network._sums(trials, network.readouts[0].magnitude.scale)
    whole = sum(list(parts.values())[1:], next(iter(parts.values())))
    plain = likeness(Solver(whole).weights(torch.tensor(0.0)).T, true)
    after = likeness(weights(network), true)
    assert (after > plain).all()
    assert (after > before.abs()).all()
    clean, noisy = network.readouts[0].strengths / network.readouts[0].magnitude.scale
    assert noisy > 3 * clean


def test_each_mouse_starts_from_its_own_trials():
    trials, true = shown()
    other = [Shown(1, t.film, t.video, t.behaviour, t.responses.flip(0)) for t in trials]
    network = linear((2, 2))
    network.prepare(iter([*trials, *other]))
    one, two = (likeness(weights(network, mouse), true) for mouse in (0, 1))
    torch.testing.assert_close(one, two.flip(0), rtol=1e-3, atol=1e-3)
    assert one[0] > one[1]


def test_the_penalty_is_that_of_the_strengths():
    network = linear((2, 2))
    assert network.penalty([0, 1]) == 0
    network.readouts[1].strengths.copy_(torch.tensor([1.0, 3.0]))
    neurons = network.readouts[1]
    filters = torch.einsum("nrp,nrl->npl", neurons.pictures, neurons.time_courses)
    squares = filters.square().sum((1, 2))
    expected = 0.1 * (40 - 5) * (squares[0] + 3 * squares[1]) / 2
    torch.testing.assert_close(network.penalty([1]), expected)
    torch.testing.assert_close(network.penalty([0, 1]), expected / 2)


def test_silent_neurons_and_a_single_film_are_no_obstacle():
    trials, _ = shown(trials=2)
    silent = [Shown(0, "aa", t.video, t.behaviour, 0 * t.responses) for t in trials]
    network = linear()
    network.prepare(iter(silent))
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_films_are_dealt_to_all_parts():
    films = [f"{number:032x}" for number in range(200)]
    assert {part_of_film(film) for film in films} == set(range(PARTS))
    assert [part_of_film(film) for film in films] == [part_of_film(film) for film in films]


def test_only_training_trials_are_shown_and_only_before_the_first_step(
    recordings, tmp_path, monkeypatch
):
    seen = []
    prepare = Linear.prepare

    def looking(network, trials):
        trials = list(trials)
        seen.extend(trials)
        prepare(network, iter(trials))

    monkeypatch.setattr(Linear, "prepare", looking)
    fit = Fit(tmp_path / "run", config_of(), recordings, "cpu")
    splits = [mouse.split(2, 0) for mouse in load_trials(recordings, ("train",))]
    wanted = [(place, t.group) for place, (training, _) in enumerate(splits) for t in training]
    assert [(trial.mouse, trial.film) for trial in seen] == wanted
    held_out = {trial.group for _, part in splits for trial in part}
    assert not held_out & {trial.film for trial in seen}
    assert {trial.video.shape[1:] for trial in seen} == {SIZE}
    fit.train_epoch()
    strengths = fit.training.network.readouts[0].strengths
    assert (strengths > 0).all()
    seen.clear()
    again = Fit(tmp_path / "run", config_of(), recordings, "cpu")
    assert not seen
    assert torch.equal(again.training.network.readouts[0].strengths, strengths)
    assert torch.equal(again.training.averaged.readouts[0].strengths, strengths)


@pytest.mark.parametrize("count", [1, 20, 144, 500])
def test_pictures_are_orthonormal_and_the_lowest_frequencies_come_first(count):
    pictures = cosine_pictures(SIZE, count)
    assert len(pictures) == min(count, 144)
    torch.testing.assert_close(pictures @ pictures.T, torch.eye(len(pictures)), rtol=0, atol=1e-5)
    torch.testing.assert_close(pictures[0], torch.full((144,), 1 / 12))


def test_bumps_are_orthonormal_and_resolve_the_recent_past_best():
    courses = bumps(5, 20)
    torch.testing.assert_close(courses @ courses.T, torch.eye(5), rtol=0, atol=1e-5)
    assert courses.shape == (5, 20)
    present, past = (torch.eye(20)[place] for place in (-1, 0))
    kept = [(courses @ lag).norm() for lag in (present, past)]
    assert kept[0] > kept[1]
