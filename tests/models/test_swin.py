import itertools
import json
import math

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from models.networks.gaussian import GaussianNeurons, GaussianReadout
from models.networks.hierarchy import (
    HierarchicalNeurons,
    HierarchicalReadout,
    quickened,
    slowed,
    spread,
)
from models.networks.network import Mouse
from models.networks.outputs import Activation
from models.networks.swin import Swin, SwinConfig
from models.networks.windows import WindowAttention
from tests.models.tiny import NETWORKS, mouse_of
from tests.models.tiny_clips import clip, respond

SIZES = [(9, 16), (18, 32), (36, 64)]


def config_with(**changes):
    return SwinConfig.model_validate_json(json.dumps(NETWORKS["swin"] | changes))


def network_of(size=(9, 16), **changes):
    torch.manual_seed(0)
    return Swin(config_with(**changes), [mouse_of(5)], size).eval()


def attention_of(window, shifted, channels=8, heads=2):
    torch.manual_seed(1)
    attention = WindowAttention(channels, heads, window, shifted, drop_rate=0.0)
    attention.bias.table.data.normal_()
    return attention


def directly(attention, x):
    """Window attention as one full attention with a mask, token by token."""
    sizes, channels = x.shape[1:4], x.shape[4]
    heads, window = attention.heads, attention.window
    moved = [attention.shifted and size > width for size, width in zip(sizes, window, strict=True)]
    shifts = [m * (width // 2) for m, width in zip(moved, window, strict=True)]
    places = list(itertools.product(*map(range, sizes)))
    homes = [
        tuple((p + s) // w for p, s, w in zip(place, shifts, window, strict=True))
        for place in places
    ]
    together = torch.tensor([[one == other for other in homes] for one in homes])
    spans = [2 * width - 1 for width in window]
    table = attention.bias.table.view(*spans, heads)
    bias = torch.zeros(heads, len(places), len(places))
    for (i, one), (j, other) in itertools.product(enumerate(places), repeat=2):
        if together[i, j]:
            apart = [a - b + w - 1 for a, b, w in zip(one, other, window, strict=True)]
            bias[:, i, j] = table[tuple(apart)]
    projected = attention.project(x).flatten(1, 3).unflatten(2, (3, heads, channels // heads))
    queries, keys, values = projected.unbind(2)
    scores = torch.einsum("nqhd,nkhd->nhqk", queries, keys) / (channels // heads) ** 0.5 + bias
    weights = scores.masked_fill(~together, -torch.inf).softmax(-1)
    attended = torch.einsum("nhqk,nkhd->nqhd", weights, values).flatten(2)
    return attention.merge(attended).view_as(x)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(
    ("window", "sizes"),
    [
        ((2, 3, 3), (4, 6, 6)),  # whole windows
        ((2, 3, 3), (5, 5, 7)),  # cut ones at every edge
        ((4, 3, 2), (3, 8, 1)),  # axes shorter than the window
        ((1, 2, 4), (3, 3, 5)),
    ],
)
def test_window_attention_equals_a_full_one_with_a_mask(window, sizes, shifted):
    attention, x = attention_of(window, shifted), torch.randn(2, *sizes, 8)
    with torch.no_grad():
        torch.testing.assert_close(attention(x), directly(attention, x))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("window", [(2, 3, 4), (5, 7, 7)])
def test_one_window_over_everything_is_full_attention(window, shifted):
    attention, x = attention_of(window, shifted), torch.randn(2, 2, 3, 4, 8)
    attention.bias.table.data.zero_()
    with torch.no_grad():
        split = attention.project(x).flatten(1, 3).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        full = F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)
        torch.testing.assert_close(attention(x), attention.merge(full).view_as(x))


def test_shifted_blocks_carry_over_the_edges_of_windows():
    """One unshifted block keeps a change within its window; a shifted one after it does not."""
    video, behaviour = clip(9)
    other = video.clone()
    other[:, 0, :2, :2] += 50  # one token of the first window, which is 2 x 3 x 3 tokens
    reached = []
    for blocks in (1, 2):
        core = network_of(blocks=blocks).core
        for block in core.blocks:  # so that what tokens tell each other is seen
            block.attention.merge.weight.data *= 100
        with torch.no_grad():
            changed = (core(video, behaviour) - core(other, behaviour)).abs().amax(1)[0]
        reached.append(changed > 1e-5)
    first, second = reached
    assert first[:2, :3, :3].all()
    assert not first[2:].any()
    assert not first[:, 3:].any()
    assert not first[..., 3:].any()
    assert second[2:].any()
    assert second[:, 3:].any()
    assert second[..., 3:].any()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("frames", [1, 2, 3, 9])
def test_as_many_frames_come_out_as_go_in(size, frames):
    network, (video, behaviour) = network_of(size), clip(frames, size)
    features = network.features(video, network.states(behaviour, [(0, slice(None))]))
    assert features.shape == (1, 8, *(math.ceil(n / 2) for n in (frames, *size)))
    assert respond(network, video, behaviour).shape == (1, 5, frames)


def test_full_size_has_the_published_sizes():
    """Counted by hand from the facts: patches, blocks of behaviour, norms, attention, MLP."""
    with torch.device("meta"):
        network = Swin(SwinConfig(), [Mouse.of_size("m", 33)], (36, 64))
    patches = 2 * 2 * 2 * 224 + 224
    behaviour = (4 * 224 + 224) + (224 * 224 + 224)
    bias = 15 * 13 * 13 * 4
    attention = (224 * 3 * 224 + 3 * 224) + (224 * 224 + 224) + bias
    feed_forward = (224 * 488 + 488) + (488 * 224 + 224)
    norm = 2 * 224
    block = behaviour + attention + feed_forward + 2 * norm
    count = sum(parameter.numel() for parameter in network.core.parameters())
    assert count == patches + 4 * block + norm == 1_936_432
    neurons = [len(level.place) for level in network.readouts[0].readout.levels]
    assert neurons == [33, 17, 9, 5, 3]
    shifter = network.readouts[0].shifter.layers
    assert [tuple(layer.weight.shape) for layer in shifter[::2]] == [(16, 2), (16, 16), (2, 16)]


@pytest.mark.parametrize("frames", [4, 5])
def test_one_full_level_is_the_plain_readout(frames):
    config, mouse = config_with(readout_levels=[1]), mouse_of(6)
    activation = Activation(config)
    ours = HierarchicalNeurons(config, 8, mouse, activation).eval()
    plain = GaussianNeurons(config, 8, mouse, activation).eval()
    state = {name.replace("levels.0.", ""): value for name, value in ours.state_dict().items()}
    plain.load_state_dict(state)
    x, states = torch.randn(2, 8, frames, 3, 4), torch.randn(2, 4, frames)
    with torch.no_grad():
        assert torch.equal(ours(x, states, activation), plain(x, states, activation))
    assert torch.equal(ours.readout.penalty(), plain.readout.penalty())


def test_levels_are_spread_and_averaged():
    config = config_with(readout_levels=[1, 2, 8])
    readout, x = HierarchicalReadout(config, 8, 4).eval(), torch.randn(2, 8, 3, 3, 4)
    with torch.no_grad():
        drives = [level(x) for level in readout.levels]
        first, last = drives[1].unbind(1)
        # Two virtual neurons lie at 1/4 and 3/4 of the axis, four neurons at 1/8, 3/8, 5/8, 7/8.
        half = [first, 0.75 * first + 0.25 * last, 0.25 * first + 0.75 * last, last]
        expected = (drives[0] + torch.stack(half, 1) + drives[2].expand(-1, 4, -1)) / 3
        torch.testing.assert_close(readout(x), expected)
        torch.testing.assert_close(
            readout.penalty(), sum(level.features.abs().sum() for level in readout.levels)
        )
    assert all(isinstance(level, GaussianReadout) for level in readout.levels)


@pytest.mark.parametrize(("neurons", "virtual"), [(1, 1), (5, 5), (7, 4), (9, 1)])
def test_spreading_keeps_what_all_virtual_neurons_share(neurons, virtual):
    drive = torch.randn(2, 1, 3).expand(-1, virtual, -1)
    torch.testing.assert_close(spread(drive, neurons), drive[:, :1].expand(-1, neurons, -1))


@pytest.mark.parametrize("frames", [1, 2, 7, 8])
def test_slow_values_are_means_and_come_back_at_their_middles(frames):
    time = torch.arange(frames).float().expand(1, 2, -1)
    slow = slowed(time, 2)
    pairs = [(t + min(t + 1, frames - 1)) / 2 for t in range(0, frames, 2)]
    torch.testing.assert_close(slow, torch.tensor(pairs).expand(1, 2, -1))
    quick = quickened(slow, 2, frames)
    assert quick.shape == time.shape
    inner = slice(1, frames // 2 * 2 - 1)  # beyond the outer middles the last value is kept
    torch.testing.assert_close(quick[..., inner], time[..., inner])
    assert quickened(time, 1, frames) is time


def test_the_penalty_is_that_of_the_mice_asked_for():
    config = config_with(feature_l1=0.5)
    network = Swin(config, [mouse_of(5), mouse_of(3)], (9, 16))
    weights = [readout.readout.penalty() for readout in network.readouts]
    torch.testing.assert_close(network.penalty([1]), 0.5 * weights[1])
    torch.testing.assert_close(network.penalty([0, 1]), 0.5 * (weights[0] + weights[1]))
    assert network_of().penalty([0]) == 0


def test_gradients_reach_all_and_dropout_is_for_training_alone():
    rates = {"drop_rate": 0.2, "attention_drop_rate": 0.2, "drop_path_rate": 0.2}
    network = network_of(**rates).train()
    video, behaviour = clip(9, batch=6)
    first, second = (network(video, behaviour, [(0, slice(None))])[0] for _ in range(2))
    assert not torch.equal(first, second)
    first.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())
    network.eval()
    assert torch.equal(respond(network, video, behaviour), respond(network, video, behaviour))


@pytest.mark.parametrize("size", SIZES)
def test_half_precision_is_close(size):
    network, inputs = network_of(size), clip(9, size)
    exact = respond(network, *inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rough = respond(network, *inputs)
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


def test_impossible_sizes_are_refused():
    with pytest.raises(ValidationError, match=r"multiple of heads \(3\); found 8"):
        config_with(heads=3)
    with pytest.raises(ValidationError, match="at least 1 item"):
        config_with(readout_levels=[])
