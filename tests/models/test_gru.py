import json
import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from models.networks.equivariant import EquivariantLayer, RotatedConv
from models.networks.gru import ConvGru, Gru, GruConfig
from models.networks.network import Mouse
from tests.models.tiny import NETWORKS, mouse_of
from tests.models.tiny_clips import clip, respond

SIZE = (9, 16)


def config_of(**settings):
    return GruConfig.model_validate_json(json.dumps(NETWORKS["gru"] | settings))


def network_of(**settings):
    torch.manual_seed(0)
    return Gru(config_of(**settings), [mouse_of(3)], SIZE).eval()


def test_the_default_is_the_organisers_size():
    network = Gru(GruConfig(), [Mouse.of_size("mouse", 7863)], (36, 64))
    on_disc = {11: 97, 5: 21}  # pixels within 5.5, and within 2.5, of the middle one
    core = 8 * 5 * on_disc[11] + 2 * (8 * 8 * 8 * on_disc[5]) + 3 * 2 * 8
    recurrent = 3 * 64 * (64 + 64) * 3**2 + 3 * 64
    shifter = (2 * 5 + 5) + (5 * 5 + 5) + (5 * 2 + 2)
    neuron = 2 + 4 + 64 + 1  # place, spread, features, bias
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == core + recurrent + 7863 * neuron + shifter == 805_138
    assert (network.context, network.lookahead) == (20, 0)


def core_of(rotations, kernels=(7, 5, 3), filters=3):
    """Two pictures -> filters in all orientations, with norms as after a training."""
    torch.manual_seed(0)
    layers = [
        EquivariantLayer(filters if layer else 2, filters, kernel, rotations, oriented=layer > 0)
        for layer, kernel in enumerate(kernels)
    ]
    for layer in layers:
        layer.norm.running_mean.uniform_(-1, 1)
        layer.norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(layer.norm.weight, 0.5, 2)
        nn.init.uniform_(layer.norm.bias, -1, 1)
    return nn.Sequential(*layers).double().eval()


@pytest.mark.parametrize("rotations", [4, 8, 16])
@pytest.mark.parametrize("size", [(12, 12), (9, 16)])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_pictures_give_turned_maps_of_the_next_orientations(rotations, size, quarters):
    core, pictures = core_of(rotations), torch.randn(2, 2, *size, dtype=torch.float64)
    with torch.no_grad():
        maps = core(pictures).unflatten(1, (3, rotations))
        turned = core(torch.rot90(pictures, quarters, (2, 3))).unflatten(1, (3, rotations))
    expected = torch.rot90(maps, quarters, (3, 4)).roll(quarters * rotations // 4, dims=2)
    torch.testing.assert_close(turned, expected, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(turned, torch.rot90(maps, quarters, (3, 4)))


@pytest.mark.parametrize("rotations", [4, 8, 16])
def test_orientations_are_equal_steps_around_the_circle(rotations):
    """A filter that is one pixel to the right of the middle moves around it: its centre of mass."""
    conv = RotatedConv(1, 1, 9, rotations, oriented=False)
    line = torch.arange(9.0) - 4
    pixels = conv.turns[0].flatten(1)
    right = int(pixels[:, 4 * 9 + 4 + 3].argmax())
    conv.weight.data.zero_()
    conv.weight.data[..., right] = 1
    for orientation, filter_ in enumerate(conv.filters()[:, 0].detach()):
        mass = filter_ / filter_.sum()
        x, y = float(mass.sum(0) @ line), -float(mass.sum(1) @ line)
        assert math.hypot(x, y) == pytest.approx(3, abs=0.2)
        angle = math.atan2(y, x) % (2 * math.pi)
        expected = 2 * math.pi * orientation / rotations
        assert abs(math.remainder(angle - expected, 2 * math.pi)) < 0.05


def test_eighths_of_a_turn_are_equivariant_too_where_filters_are_smooth():
    conv = RotatedConv(1, 1, 11, 8, oriented=False)
    line = torch.arange(11.0) - 5
    y, x = line[:, None], line
    bar = torch.exp(-(x**2) / 12 - y**2 / 3)
    conv.weight.data = torch.einsum("phw,hw->p", conv.turns[0], bar).view(conv.weight.shape)
    expected = torch.exp(-((x - y) ** 2) / 24 - (x + y) ** 2 / 6)
    found = conv.filters()[1, 0].detach()
    assert (found - expected * (found != 0)).abs().max() < 0.06


def test_a_filter_s_weights_lie_on_a_disc():
    conv = RotatedConv(2, 3, 5, 8, oriented=True)
    assert conv.weight.shape == (3, 2, 8, 21)
    assert conv.filters().shape == (24, 16, 5, 5)
    corners = conv.filters()[..., [0, 0, 4, 4], [0, 4, 0, 4]]
    assert not corners.any()


def test_with_one_pixel_kernels_each_place_is_torch_s_gru():
    torch.manual_seed(0)
    ours, theirs = ConvGru(3, 4, 1), nn.GRU(3, 4)
    theirs.weight_ih_l0.data = ours.seen.weight.data[..., 0, 0]
    theirs.weight_hh_l0.data = ours.held.weight.data[..., 0, 0]
    theirs.bias_ih_l0.data, theirs.bias_hh_l0.data = ours.seen.bias.data, torch.zeros(12)
    frames = torch.randn(2, 6, 3, 5, 7)
    expected, _ = theirs(frames.permute(1, 0, 3, 4, 2).reshape(6, -1, 3))
    expected = expected.reshape(6, 2, 5, 7, 4).permute(1, 4, 0, 2, 3)
    torch.testing.assert_close(ours(frames), expected)


def test_the_future_changes_no_response_and_the_past_changes_those_that_follow():
    network, (video, behaviour) = network_of(), clip()
    before = respond(network, video, behaviour)
    changed = video.clone()
    changed[:, 12] = 255 - changed[:, 12]
    same = (respond(network, changed, behaviour) == before).all(1)[0].tolist()
    assert same == [frame < 12 for frame in range(20)]
    shorter = respond(network, video[:, :12], behaviour[..., :12])
    torch.testing.assert_close(shorter, before[..., :12])


def test_the_state_is_kept_in_single_precision():
    gru = ConvGru(3, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        states = gru(torch.randn(1, 3, 3, 5, 5))
    assert states.dtype == torch.float32


@pytest.mark.parametrize(("pooling", "size"), [(1, (9, 16)), (2, (5, 8)), (4, (3, 4))])
def test_pooling_divides_the_size_and_drops_no_pixel(pooling, size):
    network, (video, behaviour) = network_of(pooling=pooling), clip(4)
    states = network.states(behaviour, [(0, slice(None))])
    features = network.features(video, states)
    assert features.shape == (1, 6, 4, *size)
    video[..., -1, -1] = 255 - video[..., -1, -1]
    assert not torch.equal(network.features(video, states)[..., -1, -1], features[..., -1, -1])


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ValidationError) as caught:
        config_of(core_kernels=[5, 4], warm_up=60)
    assert "core_kernels are odd, one a layer, at least one; found [5, 4]" in str(caught.value)
    assert "warm_up is below clip_frames; found 60 and 60" in str(caught.value)
    with pytest.raises(ValidationError, match="found \\[\\]"):
        config_of(core_kernels=[])
