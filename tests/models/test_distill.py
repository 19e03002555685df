"""Distillation: what teachers say of clips, and what a student's clips cost."""

import pytest
import torch

from models.config import load_config
from models.inference import Clip, Predictor
from models.losses import weighted_poisson
from models.networks.registry import build
from models.recordings.cutmix import cutmix
from models.training.distillation import Distillation
from models.training.objective import ResponseLoss
from models.training.settings import TrainingConfig
from models.training.teachers import Teacher, TeacherMean
from tests.models.tiny import NETWORKS, feed_of_trials, mouse_of, trial_of

NEURONS = (3, 2, 4)
TRIALS = [
    [trial_of(number, 120, n) for number in (2 * m, 2 * m + 1)] for m, n in enumerate(NEURONS)
]
ALL = slice(None)


def network_of(settings, neurons=NEURONS, seed=0):
    """A network whose behaviour counts, in training mode; and its configuration."""
    config = load_config({"network": settings}).network
    torch.manual_seed(seed)
    network = build(config, [mouse_of(n) for n in neurons], (9, 16))
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.rand(parameter.shape)
    return network, config


def teacher_of(settings, neurons=NEURONS, mice=(0, 1, 2), seed=1):
    return Teacher.of(*network_of(settings, neurons, seed), mice)


def drawn_by(mean, batch_size=6):
    return feed_of_trials(TRIALS, mean.drawn, batch_size, seed=3).batch(0)


def clip_of(settings):
    return Clip.of(*network_of(settings))


def alone(network, batch, row, own, reader, frames=ALL):
    """(N, T) what a network says of one clip, in evaluation mode."""
    inputs = batch.video[row : row + 1, frames], batch.behaviour[row : row + 1, :, frames]
    with torch.no_grad():
        return network.eval()(*inputs, [(own, ALL)], [(reader, ALL)])[0][0]


def mouse_of_row(batch, row):
    return next(mouse for mouse, part in batch.rows if part.start <= row < part.stop)


def assert_close(one, other):
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", NETWORKS)
def test_a_teacher_with_the_student_s_clips_sees_them_as_they_are(family):
    clip, teacher = clip_of(NETWORKS[family]), teacher_of(NETWORKS[family])
    mean = TeacherMean([teacher], clip)
    assert (mean.drawn.clip_frames, mean.drawn.frame_step) == (clip.frames, clip.step)
    batch = cutmix(drawn_by(mean), 1.0, 1.0)
    assert torch.equal(mean.batch(batch).video, batch.video)
    for reader, taught in enumerate(mean(batch)):
        assert taught.shape == (6, NEURONS[reader], clip.frames)
        for row in range(6):
            own = mouse_of_row(batch, row)
            assert_close(taught[row], alone(teacher.network, batch, row, own, reader))


OTHERS = {
    "longer windows": NETWORKS["dwiseneuro"] | {"clip_frames": 12, "frame_step": 2},
    "shorter windows": NETWORKS["dwiseneuro"] | {"clip_frames": 5, "frame_step": 2},
    "every frame": NETWORKS["dwiseneuro"] | {"clip_frames": 9, "frame_step": 1},
    "every third frame": NETWORKS["dwiseneuro"] | {"clip_frames": 6, "frame_step": 3},
    "history": NETWORKS["linear"],
    "history of every third frame": NETWORKS["linear"] | {"frame_step": 3},
    "another history": NETWORKS["motion_energy"],
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_teacher_with_other_clips_predicts_the_student_s_frames_by_its_own(other):
    """As the predictor of whole trials does, with as few windows as see every frame."""
    teacher = teacher_of(OTHERS[other])
    mean = TeacherMean([teacher], clip_of(NETWORKS["dwiseneuro"]))
    assert mean.drawn.frame_step == 1
    batch = drawn_by(mean)
    config = load_config({"network": OTHERS[other]}).network
    predictor = Predictor(teacher.network, config, stride=teacher.clip.reach)
    for reader, taught in enumerate(mean(batch)):
        assert taught.shape == (6, NEURONS[reader], 8)
        for row in (part.start for mouse, part in batch.rows if mouse == reader):
            inputs = batch.video[row], batch.behaviour[row].numpy()
            whole = torch.from_numpy(predictor.predict(*inputs, reader))
            assert_close(taught[row], whole[:, mean.student])


@pytest.mark.parametrize("step", [1, 2])
def test_a_teacher_has_all_its_history(step):
    """Wide clips begin early enough: nothing is other than in the prediction of the whole trial."""
    settings = NETWORKS["motion_energy"] | {"frame_step": step}
    teacher = teacher_of(settings)
    mean = TeacherMean([teacher], clip_of(NETWORKS["dwiseneuro"]))
    predictor = Predictor(teacher.network, load_config({"network": settings}).network)
    batch = drawn_by(mean)
    taught = mean(batch)
    for reader, part in batch.rows:
        for row in range(part.start, part.stop):
            trial, start = place_of(batch, row, reader)
            whole = torch.from_numpy(predictor.predict(trial.video, trial.behaviour, reader))
            assert_close(taught[reader][row], whole[:, start:][:, mean.student])


def place_of(batch, row, mouse):
    """The trial that a clip was drawn from, and its first frame: made-up trials tell both."""
    first = int(batch.behaviour[row, 0, 0])
    for trial in TRIALS[mouse]:
        start = first - 100 * trial.number
        film = torch.from_numpy(trial.video[start]).float() if 0 <= start < trial.length else None
        if film is not None and torch.equal(film, batch.video[row, 0]):
            return trial, start
    raise AssertionError("a clip of no trial")


def test_the_student_sees_its_own_frames_of_wide_clips():
    mean = TeacherMean([teacher_of(OTHERS["history"])], clip_of(NETWORKS["dwiseneuro"]))
    wide = drawn_by(mean)
    batch = mean.batch(wide)
    assert batch.video.shape == (6, 8, 9, 16)
    steps = batch.behaviour.diff(dim=2)
    assert torch.equal(steps, torch.full_like(steps, 2))
    for response, (_, part) in zip(batch.responses, batch.rows, strict=True):
        assert torch.equal(response[:, 0], batch.behaviour[part, 0])


def test_the_mean_is_over_all_teachers_and_knows_mice_in_another_order():
    first = teacher_of(NETWORKS["dwiseneuro"])
    second = teacher_of(OTHERS["history"], neurons=(4, 9, 2, 3), mice=(3, 2, 0), seed=2)
    clip = clip_of(NETWORKS["dwiseneuro"])
    both = TeacherMean([first, second], clip)
    batch = drawn_by(both)
    one, two = (TeacherMean([teacher], clip) for teacher in (first, second))
    own = [taught[:] for taught in one(both.batch(batch))]
    assert two.drawn == both.drawn
    for mean, a, b in zip(both(batch), own, two(batch), strict=True):
        assert_close(mean, (a + b) / 2)
    weighted = TeacherMean([first, second], clip, (0.75, 0.25))
    for mean, a, b in zip(weighted(batch), own, two(batch), strict=True):
        assert_close(mean, 0.75 * a + 0.25 * b)


@pytest.mark.parametrize("family", NETWORKS)
def test_the_loss_is_the_weighted_poisson_loss_of_all_mice(family):
    """With weights as in the winner's distillation, computed one clip and one mouse at a time."""
    network, config = network_of(NETWORKS[family])
    network.eval()
    mean = TeacherMean([teacher_of(NETWORKS[family])], Clip.of(network, config))
    batch = drawn_by(mean)
    frames = slice(network.context, None)
    predictions, targets = [], []
    weights = torch.full((6, 3), 0.36 / 2)
    for reader in range(3):
        rows = [(row, mouse_of_row(batch, row)) for row in range(6)]
        predicted = [alone(network, batch, row, own, reader) for row, own in rows]
        taught = [alone(mean.teachers[0].network, batch, row, own, reader) for row, own in rows]
        for row, own in rows:
            if own == reader:
                index = [mouse for mouse, _ in batch.rows].index(own)
                taught[row] = batch.responses[index][row - batch.rows[index][1].start]
                weights[row, reader] = 0.64
        predictions.append(torch.stack(predicted)[..., frames])
        targets.append(torch.stack(taught)[..., frames])
    loss = Distillation(ResponseLoss(TrainingConfig()), mean, 0.36)(network, batch)
    assert loss.shape == (6,)
    torch.testing.assert_close(loss.mean(), weighted_poisson(predictions, targets, weights))


def test_only_the_student_gets_gradients():
    network, config = network_of(NETWORKS["dwiseneuro"])
    teacher = teacher_of(NETWORKS["linear"])
    mean = TeacherMean([teacher], Clip.of(network, config))
    before = {name: tensor.clone() for name, tensor in teacher.network.state_dict().items()}
    objective = Distillation(ResponseLoss(TrainingConfig()), mean, 0.36)
    objective(network.train(), drawn_by(mean)).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.readouts.parameters())
    assert all(p.grad is None for p in teacher.network.parameters())
    after = teacher.network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert not teacher.network.training
