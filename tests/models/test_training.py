import math

import pytest
import torch

from models.devices import autocast_type, choose_device
from models.losses import poisson
from models.networks.linear import Linear
from models.networks.registry import FAMILIES
from models.training.failure import TrainingFailed
from models.training.loop import seed_of
from models.training.objective import trained_frames
from tests.models.tiny import trial_of
from tests.models.tiny_training import (
    CPU,
    TRIALS,
    assert_close,
    assert_equal,
    steps,
    training_of,
    weights,
)


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


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_configuration_and_seed_give_the_same_weights(family):
    trained = []
    for seed in (3, 3, 4):
        training = training_of(family, seed=seed)
        torch.manual_seed(17)  # what happened before in the process does not matter
        training.train_epoch()
        trained.append(weights(training))
    assert_equal(trained[0], trained[1])
    assert any(not torch.equal(trained[0][name], trained[2][name]) for name in trained[0])


def test_the_loss_is_poisson_of_each_clip_over_the_frames_that_lack_nothing():
    training = training_of(cutmix_probability=0.0)
    training.network.lookahead = 3
    batch = training.feed.batch(0)
    predictions = training.network(batch.video, batch.behaviour, batch.rows)
    losses = torch.cat(
        [
            poisson(prediction[..., 4:-3], response[..., 4:-3])
            for prediction, response in zip(predictions, batch.responses, strict=True)
        ]
    )
    torch.testing.assert_close(training.objective(training.network, batch), losses)
    mean, minimised = training._backward(batch)
    torch.testing.assert_close(mean, losses.mean())
    torch.testing.assert_close(minimised, losses.mean())


@pytest.mark.parametrize(
    ("context", "lookahead", "found"),
    [(0, 0, (0, 8)), (3, 2, (3, 6)), (9, 0, (7, 8)), (3, 9, (3, 4)), (9, 9, (7, 8))],
)
def test_one_frame_at_least_is_trained_on(context, lookahead, found):
    network = training_of().network
    network.context, network.lookahead = context, lookahead
    assert trained_frames(network, 8) == slice(*found)


def test_the_organisers_scale_sums_over_clips_beside_the_penalty(monkeypatch):
    def penalty(network, mice):
        return sum(network.readouts[mouse].pictures.abs().sum() for mouse in mice)

    monkeypatch.setattr(Linear, "penalty", penalty)
    mean, scaled = (training_of(batch_size=2, loss_scale=scale) for scale in ("mean", "organisers"))
    batch = mean.feed.batch(0)
    assert [mouse for mouse, _ in batch.rows] == [0, 1]
    added = float(penalty(mean.network, (0, 1)).detach())
    loss, minimised = mean._backward(batch)
    assert float(minimised) == pytest.approx(float(loss) + added, rel=1e-5)
    loss, minimised = scaled._backward(batch)
    expected = math.sqrt(TRIALS / 2) * 2 * float(loss) + added
    assert float(minimised) == pytest.approx(expected, rel=1e-5)


def test_the_penalty_is_added_once_a_step(monkeypatch):
    asked = []

    def penalty(network, mice):
        asked.append(list(mice))
        return network.readouts[mice[0]].pictures.sum()

    monkeypatch.setattr(Linear, "penalty", penalty)
    steps(training_of(batch_size=4, micro_batch=1), 1)
    assert asked == [[0, 1, 2]]


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_of_all_readouts_for_all_clips_with_the_others_masked(family):
    ours, plain = (training_of(family, neurons=(3, 3, 3), cutmix_probability=0) for _ in range(2))
    batch = ours.feed.batch(0)
    for training in (ours, plain):  # dropout and drawn places would differ
        training.network.eval()
    ours.objective(ours.network, batch).mean().backward()
    masked_loss(plain.network, batch).backward()
    for (name, one), other in zip(
        ours.network.named_parameters(), plain.network.parameters(), strict=True
    ):
        if one.grad is None:
            assert other.grad is None or not other.grad.any(), name
        else:
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4, msg=name)


def masked_loss(network, batch):
    """The plain way: every mouse's readout of every clip, and a mask of the clips that are its own."""
    clips, mice = len(batch.video), len(network.readouts)
    readers = [(mouse, slice(0, clips)) for mouse in range(mice)]
    predictions = network(batch.video, batch.behaviour, batch.rows, readers)
    frames = trained_frames(network, batch.video.shape[1])
    responses, mask = torch.cat(batch.responses), torch.zeros(mice, clips)
    for mouse, part in batch.rows:
        mask[mouse, part] = 1
    losses = torch.stack([poisson(p[..., frames], responses[..., frames]) for p in predictions])
    return (losses * mask).sum() / clips


def test_training_lowers_the_loss_of_what_it_sees():
    training = training_of(epochs=30, learning_rate=0.05, cutmix_probability=0.0)
    losses = [training.train_epoch() for _ in range(30)]
    assert losses[-1] < losses[0]
    assert training.epoch == 30


def broken_training(**settings):
    """Its responses are not numbers."""
    broken = trial_of(0, 70, 3)
    broken.responses[:] = math.nan
    return training_of(neurons=(3,), trials=[[broken]], **settings)


def test_a_loss_that_is_not_a_number_ends_the_training():
    with pytest.raises(TrainingFailed, match="the loss is nan in step 1") as caught:
        broken_training().train_epoch()
    assert caught.value.reason == str(caught.value)
    assert "learning_rate" in caught.value.remedy


def test_a_gpu_s_note_is_looked_at_at_the_end_of_an_epoch_and_before_a_checkpoint():
    training = broken_training()
    training._finite.every = 50  # as on a GPU
    steps(training, 2)
    with pytest.raises(TrainingFailed, match="the loss is nan in step 1"):
        training.state()
    with pytest.raises(TrainingFailed, match="the loss is nan in step 1"):
        training.train_epoch()
    assert training.step == 3


def test_only_the_first_loss_that_is_not_finite_is_noted():
    training = training_of()
    training._finite.every = 5
    training._finite.note(torch.tensor(1.0), 1)
    training._finite.note(torch.tensor(math.inf), 2)
    training._finite.note(torch.tensor(math.nan), 3)
    with pytest.raises(TrainingFailed, match="the loss is inf in step 2"):
        training._finite.note(torch.tensor(1.0), 5)


def test_a_step_s_seed_is_the_same_in_every_process():
    assert seed_of(0, 0) == 4881901421217228719
    assert len({seed_of(seed, step) for seed in range(30) for step in range(30)}) == 900


def test_an_epoch_is_at_least_one_step_and_steps_are_told():
    training, told = training_of(clips_per_epoch=3, batch_size=8), []
    training.train_epoch(told.append)
    assert (training.epoch, training.step, told) == (1, 1, [1])


def test_a_gradient_is_clipped():
    training = training_of(gradient_clip=1e-3)
    training._train_step()
    gradients = [p.grad.flatten() for p in training.network.parameters() if p.grad is not None]
    assert torch.cat(gradients).norm() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("precision", "found"), [("auto", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")]
)
def test_precision_on_a_cpu(precision, found):
    assert autocast_type(precision, CPU) == getattr(torch, found)
    assert choose_device("cpu") == CPU
    assert math.isfinite(training_of("dwiseneuro", precision=precision).train_epoch())


def test_kernels_with_channels_last_give_the_same_training():
    plain, last = (training_of("factorized", channels_last=chosen) for chosen in (False, True))
    kernels = [m.weight for m in last.network.modules() if isinstance(m, torch.nn.Conv3d)]
    assert all(k.is_contiguous(memory_format=torch.channels_last_3d) for k in kernels)
    assert not all(kernel.is_contiguous() for kernel in kernels)
    for training in (plain, last):
        steps(training, 2)
    assert_close(weights(plain), weights(last), rtol=1e-3, atol=1e-4)
