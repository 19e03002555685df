import json

import pytest
import torch
from pydantic import ValidationError

from models.networks.attention import attend
from models.networks.network import Mouse
from models.networks.vivit import Vivit, VivitConfig
from tests.models.tiny import NETWORKS, mouse_of
from tests.models.tiny_clips import clip, respond

SIZES = [(9, 16), (18, 32), (36, 64)]


def config_with(**changes):
    return VivitConfig.model_validate_json(json.dumps(NETWORKS["vivit"] | changes))


def network_of(size=(9, 16), **changes):
    torch.manual_seed(0)
    return Vivit(config_with(**changes), [mouse_of(5)], size).eval()


def counted(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("causal", [True, False])
def test_as_many_frames_come_out_as_go_in(size, causal):
    network = network_of(size, causal=causal)
    grid = ((size[0] - 7) // 2 + 1, (size[1] - 7) // 2 + 1)
    for frames in (1, 2, 11):
        video, behaviour = clip(frames, size)
        states = network.states(behaviour, [(0, slice(None))])
        assert network.features(video, states).shape == (1, 8, frames, *grid)
        assert respond(network, video, behaviour).shape == (1, 5, frames)


def test_full_size_has_the_published_sizes():
    """Counted by hand from the facts: tubelets, blocks of behaviour, norm, attention, MLP."""
    with torch.device("meta"):
        network = Vivit(VivitConfig(), [Mouse.of_size("m", 9)], (36, 64))
    inner = 11 * 48
    tubelets = 25 * 7 * 7 * 112 + 112
    behaviour = (4 * 112 + 112) + (112 * 112 + 112)
    attention = 112 * 3 * inner + (inner * 112 + 112)
    feed_forward = (112 * 136 + 136) + (136 * 112 + 112)
    norm = 2 * 112
    block = behaviour + norm + attention + feed_forward
    assert counted(network.core) == tubelets + 8 * block + norm == 2_384_000
    assert (network.context, network.lookahead) == (24, 0)
    assert VivitConfig(causal=False).beyond == (12, 12)


@pytest.mark.parametrize("changed", ["video", "behaviour"])
def test_a_causal_network_does_not_see_the_future(changed):
    frame = 6
    before, after = clip(10), clip(10)
    part = after[0][:, frame:] if changed == "video" else after[1][..., frame:]
    part.add_(10)
    one, other = (respond(network_of(causal=True), *inputs) for inputs in (before, after))
    assert torch.equal(one[..., :frame], other[..., :frame])
    assert not torch.equal(one[..., frame], other[..., frame])
    one, other = (respond(network_of(causal=False), *inputs) for inputs in (before, after))
    assert not torch.equal(one[..., 0], other[..., 0])


@pytest.mark.parametrize("causal", [True, False])
def test_tubelets_are_the_patches_of_the_padded_film(causal):
    tubelets = network_of(causal=causal, patch_frames=4).core.tubelets
    frames = torch.randn(2, 6, 9, 16)
    before, after = (3, 0) if causal else (2, 1)
    grey = torch.zeros(2, 1, 9, 16)
    film = torch.cat([*[grey] * before, frames, *[grey] * after], dim=1)
    weight, bias = tubelets.conv.weight[:, 0], tubelets.conv.bias
    cut = film[:, 1:5, 2:9, 6:13]  # of frame 1 at row 1, column 3
    expected = torch.einsum("bthw,cthw->bc", cut, weight) + bias
    encoding = tubelets.places.encoding((6, 2, 5))
    ours = tubelets(frames)[:, :, 1, 1, 3]
    torch.testing.assert_close(ours, expected + encoding[:, 1, 1, 3])


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_the_plain_formula(causal):
    projected, heads, size = torch.randn(3, 6, 3 * 2 * 5), 2, 5
    queries, keys, values = projected.view(3, 6, 3, heads, size).unbind(2)
    scores = torch.einsum("nqhd,nkhd->nhqk", queries, keys) / size**0.5
    bias = torch.randn(heads, 6, 6)
    if causal:
        scores = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
        ours = attend(projected, heads, causal=True)
    else:
        scores = scores + bias
        ours = attend(projected, heads, bias=bias)
    expected = torch.einsum("nhqk,nkhd->nqhd", scores.softmax(-1), values).flatten(2)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("kind", "frames", "places"), [("spatial", 1, 10), ("temporal", 4, 1)])
def test_space_mixes_places_and_time_mixes_frames(kind, frames, places):
    """Without blocks of the other kind, a change at one place of frame 2 of 6 stays there."""
    core, (video, behaviour) = network_of(patch_frames=1).core, clip(6)
    other = video.clone()
    other[:, 2, :2, :2] += 50  # seen by the first place alone
    setattr(core, "temporal" if kind == "spatial" else "spatial", torch.nn.ModuleList())
    with torch.no_grad():
        changed = (core(video, behaviour) != core(other, behaviour)).any(1)[0]  # (T, H', W')
    assert changed[2, 0, 0]
    assert int(changed.flatten(1).any(1).sum()) == frames
    assert int(changed.any(0).sum()) == places


def test_gradients_reach_all_and_dropout_is_for_training_alone():
    network = network_of(size=(18, 32)).train()
    video, behaviour = clip(10, (18, 32), batch=4)
    first, second = (network(video, behaviour, [(0, slice(None))])[0] for _ in range(2))
    assert not torch.equal(first, second)
    first.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.core.parameters())
    network.eval()
    assert torch.equal(respond(network, video, behaviour), respond(network, video, behaviour))


@pytest.mark.parametrize("size", SIZES)
def test_half_precision_is_close(size):
    network, inputs = network_of(size), clip(10, size)
    exact = respond(network, *inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rough = respond(network, *inputs)
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


def test_tubelets_longer_than_a_clip_are_refused():
    with pytest.raises(ValidationError, match=r"at most clip_frames \(10\); found 11"):
        config_with(patch_frames=11)
