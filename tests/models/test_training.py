import copy
import math

import pytest
import torch

from models.devices import autocast_type, choose_device
from models.losses import poisson
from models.networks.registry import build
from models.training.failure import TrainingFailed
from models.training.loop import Training
from tests.models.tiny import NETWORKS, config_of, feed_of_trials, mouse_of, trial_of

CPU = torch.device("cpu")
NEURONS = (3, 2, 4)


def training_of(family="linear", neurons=NEURONS, trials=None, **settings):
    config = config_of(family, **settings)
    torch.manual_seed(config.seed)
    network = build(config.network, [mouse_of(n) for n in neurons], (9, 16))
    trials = trials or [[trial_of(mouse, 45, n)] for mouse, n in enumerate(neurons)]
    feed = feed_of_trials(trials, config.network, config.training.batch_size, config.seed)
    return Training(config, network, feed, CPU)


def weights(training):
    return {name: tensor.clone() for name, tensor in training.network.state_dict().items()}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_step_trains_the_readouts_of_the_mice_in_its_batch_alone():
    training = training_of(batch_size=1)
    before = weights(training)
    training._train_step()
    after = weights(training)
    changed = {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"0"}
    for name, parameter in training.network.named_parameters():
        absent = not name.startswith("readouts.0.")
        assert (parameter.grad is None or not parameter.grad.any()) == absent


@pytest.mark.parametrize("family", NETWORKS)
def test_weights_decay_and_biases_do_not(family):
    training = training_of(family, weight_decay=0.3)
    decayed, free = training.optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    trained = [p for p in training.network.parameters() if p.requires_grad]
    assert {id(p) for p in decayed["params"] + free["params"]} == {id(p) for p in trained}
    names = {id(parameter): name for name, parameter in training.network.named_parameters()}
    assert all(names[id(p)].endswith("weight") or p.ndim > 1 for p in decayed["params"])
    assert all(p.ndim <= 1 for p in free["params"])
    assert free["params"]


def rates(**settings):
    """The learning rate of every step, and the one after the last."""
    training = training_of(**settings)
    steps = training.steps_per_epoch * training.config.training.epochs
    found = []
    for _ in range(steps):
        found.append(training.optimizer.param_groups[0]["lr"])
        training.optimizer.step()
        training.schedule.step()
    return found, training.optimizer.param_groups[0]["lr"]


def test_the_learning_rate_rises_and_then_falls_as_a_cosine():
    settings = {"epochs": 5, "clips_per_epoch": 16, "learning_rate": 0.1, "warmup": 0.2}
    found, after = rates(**settings, final_learning_rate=0.05)
    assert found[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    cosine = [0.005 + 0.095 * (1 + math.cos(math.pi * step / 16)) / 2 for step in range(17)]
    assert [*found[4:], after] == pytest.approx(cosine)


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_extreme_warm_ups(warmup):
    found, after = rates(learning_rate=0.1, warmup=warmup, final_learning_rate=0.1)
    assert max(found) == pytest.approx(0.1)
    assert (found == sorted(found)) == (warmup == 1)
    assert after == pytest.approx(0.01)


@pytest.mark.parametrize("family", ["linear", "dwiseneuro"])
def test_averaged_weights_are_the_moving_average(family):
    training = training_of(family, ema_decay=0.9)
    averages = None
    for _ in range(5):
        training._train_step()
        now = {n: t.double() for n, t in weights(training).items() if t.is_floating_point()}
        averages = averages or now
        averages = {name: 0.9 * averages[name] + 0.1 * now[name] for name in now}
    state = training.averaged.state_dict()
    for name, average in averages.items():
        torch.testing.assert_close(state[name].double(), average, rtol=1e-4, atol=1e-5)
    assert any(not torch.allclose(state[name].double(), now[name]) for name in now)


@pytest.mark.parametrize("family", NETWORKS)
def test_the_same_configuration_and_seed_give_the_same_weights(family):
    trained = []
    for seed in (3, 3, 4):
        training = training_of(family, seed=seed)
        torch.manual_seed(17)  # what happened before in the process does not matter
        training.train_epoch()
        trained.append(weights(training))
    assert_equal(trained[0], trained[1])
    assert any(not torch.equal(trained[0][name], trained[2][name]) for name in trained[0])


@pytest.mark.parametrize("family", NETWORKS)
def test_a_training_that_continues_from_its_state_never_stopped(family):
    one = training_of(family)
    one.train_epoch()
    state = copy.deepcopy(one.state())
    loss = one.train_epoch()
    two = training_of(family)
    two.load_state(state)
    assert (two.epoch, two.step) == (1, 3)
    assert two.train_epoch() == loss
    assert_equal(weights(one), weights(two))
    assert_equal(one.averaged.state_dict(), two.averaged.state_dict())
    assert one.schedule.get_last_lr() == two.schedule.get_last_lr()


def test_the_loss_is_poisson_of_each_clip_after_the_frames_that_lack_history():
    training = training_of()
    batch = training.feed.batch(0)
    predictions = training.network(batch.video, batch.behaviour, batch.rows)
    losses = [
        poisson(prediction[..., 4:], response[..., 4:])
        for prediction, response in zip(predictions, batch.responses, strict=True)
    ]
    torch.testing.assert_close(training._loss(batch), torch.cat(losses).mean())


def test_training_lowers_the_loss_of_what_it_sees():
    training = training_of(epochs=30, learning_rate=0.05, cutmix_probability=0.0)
    losses = [training.train_epoch() for _ in range(30)]
    assert losses[-1] < losses[0]
    assert training.epoch == 30


def test_a_loss_that_is_not_a_number_ends_the_training():
    broken = trial_of(0, 45, 3)
    broken.responses[:] = math.nan
    training = training_of(neurons=(3,), trials=[[broken]])
    with pytest.raises(TrainingFailed, match="the loss is nan in epoch 1") as caught:
        training.train_epoch()
    assert caught.value.reason == str(caught.value)


def test_an_epoch_is_at_least_one_step_and_steps_are_told():
    training, told = training_of(clips_per_epoch=3, batch_size=8), []
    training.train_epoch(told.append)
    assert (training.epoch, training.step, told) == (1, 1, [1])


def test_a_gradient_is_clipped():
    training = training_of(gradient_clip=1e-3)
    training._train_step()
    gradients = [p.grad.flatten() for p in training.network.parameters() if p.grad is not None]
    assert torch.cat(gradients).norm() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(("precision", "found"), [("auto", "float32"), ("bf16", "bfloat16")])
def test_precision_on_a_cpu(precision, found):
    assert autocast_type(precision, CPU) == getattr(torch, found)
    assert choose_device("cpu") == CPU
    assert math.isfinite(training_of("dwiseneuro", precision=precision).train_epoch())
