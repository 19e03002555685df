"""Trainings small enough for a test."""

import torch

from models.fit import Fit
from models.networks.registry import build
from models.training.loop import Training
from tests.models.tiny import config_of, feed_of_trials, mouse_of, trial_of

CPU = torch.device("cpu")
NEURONS = (3, 2, 4)
TRIALS = 7.0
"""What the trainings are told of how many trials a mouse has."""


def training_of(family="linear", neurons=NEURONS, trials=None, **settings):
    """A training on made-up trials of three mice."""
    config = config_of(family, **settings)
    torch.manual_seed(config.seed)
    network = build(config.network, [mouse_of(n) for n in neurons], (9, 16))
    trials = trials or [[trial_of(mouse, 70, n)] for mouse, n in enumerate(neurons)]
    feed = feed_of_trials(trials, config.network, config.training.batch_size, config.seed)
    return Training(config, network, feed, CPU, TRIALS)


def weights(training):
    """A copy of the weights that are trained."""
    return {name: tensor.clone() for name, tensor in training.network.state_dict().items()}


def steps(training, count):
    """Train so many steps, through the ends of epochs."""
    for _ in range(count):
        training._train_step()
    return training


def assert_equal(one, other):
    """Bit for bit."""
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def assert_close(one, other, **tolerances):
    """To rounding."""
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], **tolerances)


def fit_of(folder, recordings, family="linear", **changes):
    """A run on a CPU."""
    return Fit(folder, config_of(family, **changes), recordings, "cpu")


def train(fit):
    """Train a run to its end."""
    while not fit.done:
        fit.train_epoch()
    fit.finish()
    return fit
