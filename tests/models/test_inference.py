import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.inference import Predictor, window_starts
from models.networks.dwiseneuro import DwiseNeuroConfig
from models.networks.registry import build
from tests.models.tiny import NETWORKS, config_of, mouse_of

sizes = st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(0, 40), st.integers(1, 60))


def frames_seen(length, width, step, stride):
    counts = np.zeros(length, int)
    for start in window_starts(length, width, step, stride):
        counts[start : start + width : step] += 1
    return counts


@given(sizes)
def test_windows_cover_every_frame_and_stay_inside(size):
    clip_frames, step, more, stride = size
    width = (clip_frames - 1) * step + 1
    length = width + step - 1 + more
    starts = window_starts(length, width, step, stride)
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert starts[-1] == length - width
    assert frames_seen(length, width, step, stride).min() >= 1


def test_stride_one_is_a_window_at_every_start():
    assert window_starts(10, 5, 1, stride=1) == [0, 1, 2, 3, 4, 5]
    assert window_starts(10, 5, 2, stride=1) == [0, 1, 2, 3, 4, 5]


def test_a_longer_stride_needs_fewer_windows():
    counts = [len(window_starts(300, 31, 2, stride)) for stride in (1, 4, 8, 16, 32)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 20  # ten groups of two neighbours see 300 frames by 32
    assert frames_seen(96, 31, 2, 32).tolist() == [1] * 96


class Recorder(torch.nn.Module):
    """Responds to each frame with its own brightness and behaviour, plus the mouse."""

    windowed = True

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.clips = 0

    def forward(self, video, behaviour, rows):
        self.clips += len(video)
        assert video.dtype == behaviour.dtype == torch.float32
        ((mouse, part),) = rows
        return [torch.stack([video.mean((2, 3)), behaviour[:, 1]], dim=1)[part] + mouse]


@given(sizes, st.integers(1, 5))
def test_every_frame_gets_the_response_to_itself(size, batch_size):
    clip_frames, step, more, stride = size
    config = DwiseNeuroConfig(clip_frames=clip_frames, frame_step=step)
    length = 1 + more  # often shorter than a window
    video = np.arange(length, dtype=np.float32)[:, None, None].repeat(2, 1)
    behaviour = np.arange(4 * length, dtype=np.float32).reshape(4, length)
    network = Recorder()
    predicted = Predictor(network, config, stride, batch_size).predict(video, behaviour, mouse=3)
    assert (predicted.shape, predicted.dtype) == ((2, length), np.float32)
    np.testing.assert_allclose(predicted, [video[:, 0, 0] + 3, behaviour[1] + 3], rtol=1e-6)


def network_of(family):
    torch.manual_seed(0)
    config = config_of(family).network
    mice = [mouse_of(3), mouse_of(2)]
    return build(config, mice, (9, 16)), config


def trial(length, seed=0):
    generator = np.random.default_rng(seed)
    video = generator.uniform(0, 255, (length, 9, 16)).astype(np.float32)
    return video, generator.uniform(0, 9, (4, length)).astype(np.float32)


@pytest.mark.parametrize("family", NETWORKS)
@pytest.mark.parametrize("length", [1, 3, 60])
def test_trials_of_any_length_are_predicted(family, length):
    network, config = network_of(family)
    predicted = Predictor(network, config, stride=4).predict(*trial(length), mouse=1)
    assert predicted.shape == (2, length)
    assert np.isfinite(predicted).all()
    assert not network.training


def test_the_size_of_batches_does_not_matter():
    network, config = network_of("dwiseneuro")
    one, many = (Predictor(network, config, 1, size).predict(*trial(40), 0) for size in (1, 64))
    np.testing.assert_allclose(one, many, rtol=1e-4)
    assert one.std() > 0


@pytest.mark.parametrize("family", ["linear", "motion_energy"])
def test_the_future_does_not_reach_the_past(family):
    network, config = network_of(family)
    video, behaviour = trial(60)
    predictor = Predictor(network, config)
    assert not network.windowed
    whole = predictor.predict(video, behaviour, 0)
    prefix = predictor.predict(video[:25], behaviour[:, :25], 0)
    np.testing.assert_allclose(whole[:, :25], prefix, rtol=1e-4)
    changed = video.copy()
    changed[25] += 50
    after = predictor.predict(changed, behaviour, 0)
    np.testing.assert_array_equal(after[:, :25], whole[:, :25])
    assert not np.allclose(after[:, 25:], whole[:, 25:], rtol=1e-4)
