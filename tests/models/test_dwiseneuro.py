import json

import numpy as np
import pytest
import torch

from models.inference import Predictor, window_starts
from models.networks.blocks import SpatialDepthwise, TemporalDepthwise
from models.networks.dwiseneuro import DwiseNeuro, DwiseNeuroConfig
from models.networks.network import Mouse
from models.networks.winner import from_winner
from tests.shared_files import shared


def network_of(config: dict, state: dict[str, torch.Tensor]) -> tuple[DwiseNeuro, DwiseNeuroConfig]:
    settings = {key: value for key, value in config.items() if key != "in_channels"}
    mice = [Mouse.of_size(f"mouse{i}", n) for i, n in enumerate(settings.pop("readout_outputs"))]
    parsed = DwiseNeuroConfig.model_validate_json(json.dumps(settings))
    network = DwiseNeuro(parsed, mice, (64, 64))
    missing, unexpected = network.load_state_dict(from_winner(state), strict=False)
    assert not unexpected
    assert missing == ["scales.0", "scales.1"]  # the winner's network has none; they are 1
    return network.eval(), parsed


@pytest.fixture(scope="module")
def golden():
    with np.load(shared("golden/dwiseneuro_forward.npz")) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def winners(golden):
    state = {
        name.removeprefix("state:"): torch.from_numpy(value)
        for name, value in golden.items()
        if name.startswith("state:")
    }
    return network_of(json.loads(str(golden["config"])), state)


def assert_close(ours, theirs):
    """Within 1e-4 of the largest value: relative errors of values near 0 mean nothing."""
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_forward_pass_equals_the_winners(golden, winners):
    network, _ = winners
    with torch.no_grad():
        features = network.features_of(torch.from_numpy(golden["x"]))
        for mouse in range(2):
            response = network.activation(network.readouts[mouse](features))
            assert_close(response.numpy(), golden[f"y{mouse}"])


def test_published_checkpoint_is_the_same_network(golden):
    path = shared("golden/model-017-0.293200.pth")
    checkpoint = torch.load(path, weights_only=True)
    name, config = checkpoint["params"]["nn_module"]
    assert name == "dwiseneuro"
    network, _ = network_of(config, checkpoint["nn_state_dict"])
    with torch.no_grad():
        features = network.features_of(torch.from_numpy(golden["x"]))
        response = network.activation(network.readouts[1](features))
    assert_close(response.numpy(), golden["y1"])


class Film(torch.nn.Module):
    """Lets the winner's ready-made films (5, L, S, S) pass through a predictor as 'videos'."""

    windowed, context, lookahead = True, 0, 0

    def __init__(self, network: DwiseNeuro) -> None:
        super().__init__()
        self.network = network

    def forward(self, video, behaviour, rows):
        del behaviour
        height = video.shape[-2] // 5
        film = video.unflatten(-2, (5, height)).transpose(1, 2)
        features = self.network.features_of(film)
        return [
            self.network.activation(self.network.readouts[mouse](features)) for mouse, _ in rows
        ]


@pytest.mark.parametrize("batch_size", [1, 64])
def test_sliding_window_equals_the_winners(winners, batch_size):
    network, config = winners
    with np.load(shared("golden/sliding_window.npz")) as archive:
        golden = dict(archive)
    stacked = np.concatenate(list(golden["inputs"]), axis=1)  # (L, 5 * S, S)
    predictor = Predictor(Film(network), config, batch_size=batch_size)
    behaviour = np.zeros((4, len(stacked)), np.float32)
    assert_close(
        predictor.predict(stacked, behaviour, int(golden["readout"])), golden["prediction"]
    )


def test_windows_per_frame_equal_the_winners():
    with np.load(shared("golden/sliding_window.npz")) as archive:
        expected = archive["windows_per_frame"]
    counts = np.zeros(60)
    for start in window_starts(length=60, width=31, step=2, stride=1):
        counts[start : start + 31 : 2] += 1
    np.testing.assert_array_equal(counts, expected)


def test_full_size_has_the_known_number_of_parameters():
    neurons = (7440, 7928, 8285, 7671, 7495, 7863, 7908, 8202, 7939, 8122)
    with torch.device("meta"):
        network = DwiseNeuro(DwiseNeuroConfig(), [Mouse.of_size("m", n) for n in neurons], (36, 64))
    core = sum(parameter.numel() for parameter in network.core.parameters())
    readouts = sum(parameter.numel() for parameter in network.readouts.parameters())
    assert round(core / 1e6, 2) == 3.08
    assert round(readouts / 1e6, 1) == 161.6


@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(3, 1, (9, 16)), (5, 2, (8, 8)), (3, 2, (7, 9))]
)
def test_spatial_depthwise_equals_conv3d(kernel, stride, size):
    ours = SpatialDepthwise(6, kernel, stride)
    x = torch.randn(2, 6, 4, *size)
    expected = torch.nn.functional.conv3d(
        x, ours.weight, stride=(1, stride, stride), padding=(0, kernel // 2, kernel // 2), groups=6
    )
    torch.testing.assert_close(ours(x), expected)


@pytest.mark.parametrize(("kernel", "frames"), [(5, 16), (3, 2), (5, 1), (7, 33)])
def test_temporal_depthwise_equals_conv3d(kernel, frames):
    ours = TemporalDepthwise(6, kernel).double()
    x = torch.randn(2, 6, frames, 3, 4, dtype=torch.float64, requires_grad=True)
    expected = torch.nn.functional.conv3d(x, ours.weight, padding=(kernel // 2, 0, 0), groups=6)
    torch.testing.assert_close(ours(x), expected)
    gradients = [torch.autograd.grad(y.square().sum(), ours.weight)[0] for y in (ours(x), expected)]
    torch.testing.assert_close(*gradients)


def test_outputs_start_at_the_mice_s_mean():
    mean = np.array([0.5, 3, 40], np.float32)
    zero, one = np.zeros(4, np.float32), np.ones(4, np.float32)
    mouse = Mouse("m", 3, mean, np.array([0.4, 5, 80], np.float32), zero, one)
    config = DwiseNeuroConfig(
        core_features=(4, 6), spatial_strides=(2, 2), cortex_features=(8,), scale_outputs=True
    )
    network = DwiseNeuro(config, [mouse], (36, 64)).eval()
    with torch.no_grad():
        response = network(torch.zeros(1, 16, 9, 16), torch.zeros(1, 4, 16), [(0, slice(None))])[0]
    np.testing.assert_allclose(response.mean((0, 2)).numpy(), mean, rtol=0.3)
