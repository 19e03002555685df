import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from models.networks.factorized import Factorized, FactorizedConfig, FactorizedLayer, roughness
from models.networks.network import Mouse
from tests.models.tiny import NETWORKS, mouse_of
from tests.models.tiny_clips import clip, respond

SIZE = (9, 16)


def config_of(**settings):
    """The tiny one, in which causal kernels reach over five frames."""
    return FactorizedConfig.model_validate_json(json.dumps(NETWORKS["factorized"] | settings))


def network_of(*neurons, **settings):
    torch.manual_seed(0)
    mice = [mouse_of(count) for count in neurons or (3,)]
    return Factorized(config_of(**settings), mice, SIZE).eval()


def test_the_default_is_the_organisers_size():
    network = Factorized(FactorizedConfig(), [Mouse.of_size("mouse", 7863)], (36, 64))
    first = 32 * 5 * 11**2 + 32 * 32 * 11 + 2 * 32
    second = 64 * 32 * 5**2 + 64 * 64 * 5 + 2 * 64
    third = 128 * 64 * 5**2 + 128 * 128 * 5 + 2 * 128
    shifter = (2 * 5 + 5) + (5 * 5 + 5) + (5 * 2 + 2)
    neuron = 2 + 4 + 128 + 1  # place, spread, features, bias
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == first + second + third + 7863 * neuron + shifter == 1_451_034
    assert (network.context, network.lookahead) == (18, 0)


def test_kernels_that_are_centred_look_ahead():
    network = Factorized(FactorizedConfig(causal=False), [mouse_of(1)], (36, 64))
    assert (network.context, network.lookahead) == (9, 9)
    even = network_of(causal=False)  # kernels of 4 and 3 frames
    assert (even.context, even.lookahead) == (3, 2)


def test_features_keep_frames_and_divide_the_size_by_the_strides():
    network, (video, behaviour) = network_of(), clip(7)
    features = network.features(video, network.states(behaviour, [(0, slice(None))]))
    assert features.shape == (1, 6, 7, 5, 8)


def test_the_future_changes_no_response_of_causal_kernels():
    for causal, first_changed in ((True, 12), (False, 12 - 2)):
        network, (video, behaviour) = network_of(causal=causal), clip()
        before = respond(network, video, behaviour)
        video[:, 12:], behaviour[..., 12:] = 255 - video[:, 12:], 5 - behaviour[..., 12:]
        same = (respond(network, video, behaviour) == before).all(1)[0].tolist()
        assert same == [frame < first_changed for frame in range(20)]


def test_the_past_changes_responses_as_far_as_the_context_reaches():
    network, (video, behaviour) = network_of(), clip()
    before = respond(network, video, behaviour)
    video[:, 8] = 255 - video[:, 8]
    same = (respond(network, video, behaviour) == before).all(1)[0].tolist()
    assert same == [not 8 <= frame <= 8 + network.context for frame in range(20)]


def test_before_the_clip_its_first_frame_is_assumed():
    network, (video, behaviour) = network_of(), clip()
    before = 11
    longer = torch.cat([video[:, :1].expand(-1, before, -1, -1), video], dim=1)
    still = torch.cat([behaviour[..., :1].expand(-1, -1, before), behaviour], dim=2)
    expected = respond(network, longer, still)[..., before:]
    torch.testing.assert_close(respond(network, video, behaviour), expected)


@pytest.mark.parametrize("causal", [True, False])
def test_a_layer_is_a_convolution_with_products_of_spatial_and_temporal_filters(causal):
    config = config_of(batch_norm=False, causal=causal)
    layer, x = FactorizedLayer(config, 0, 2), torch.randn(1, 2, 9, *SIZE)
    spatial, temporal = layer.spatial.weight[:, :, 0], layer.temporal.weight[..., 0, 0]
    kernel = torch.einsum("piyx,opt->oityx", spatial, temporal)
    whole = F.conv3d(x, kernel, layer.temporal.bias, padding=(0, 2, 2))
    ahead = 0 if causal else 1
    torch.testing.assert_close(layer(x)[:, :, 3 - ahead : 9 - ahead], F.elu(whole))


@pytest.mark.parametrize("planes", [True, False])
def test_the_core_sees_behaviour_only_as_planes(planes):
    network, (video, behaviour) = network_of(behaviour_planes=planes), clip()
    before = respond(network, video, behaviour)
    behaviour[:, 1] += 1  # running, which no shifter sees
    assert torch.equal(respond(network, video, behaviour), before) != planes


def roughness_by_loops(filters):
    """filters (F, k, k) or (F, k)."""
    rough, size = 0.0, 0.0
    for each in filters:
        for place in np.ndindex(each.shape):
            neighbours = [
                (*place[:axis], place[axis] + step, *place[axis + 1 :])
                for axis in range(each.ndim)
                for step in (-1, 1)
            ]
            inside = [n for n in neighbours if all(0 <= i < len(each) for i in n)]
            laplacian = sum(each[n] for n in inside) - 2 * each.ndim * each[place]
            rough, size = rough + laplacian**2, size + each[place] ** 2
    return rough / size


def test_the_penalty_is_the_first_layer_s_roughness_and_the_asked_readouts_weights():
    network = network_of(3, 2, laplace_spatial=7.0, laplace_temporal=0.5, feature_l1=2.0)
    first = network.core[0]
    spatial = first.spatial.weight.detach().double().numpy().reshape(-1, 5, 5)
    temporal = first.temporal.weight.detach().double().numpy().reshape(-1, 4)
    smooth = 7.0 * roughness_by_loops(spatial) + 0.5 * roughness_by_loops(temporal)
    weights = [float(each.readout.features.detach().abs().sum()) for each in network.readouts]
    assert network.penalty([]).item() == pytest.approx(smooth, rel=1e-5)
    assert network.penalty([1]).item() == pytest.approx(smooth + 2 * weights[1], rel=1e-5)
    assert network.penalty([0, 1]).item() == pytest.approx(smooth + 2 * sum(weights), rel=1e-5)


def test_the_penalty_s_gradient_reaches_the_first_layer_alone():
    network = network_of()
    network.penalty([0]).backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None}
    assert reached == {"core.0.spatial.weight", "core.0.temporal.weight"}


def test_roughness_falls_with_smoothness_and_does_not_know_size():
    torch.manual_seed(0)
    line = torch.linspace(-1, 1, 11)
    blob = torch.exp(-4 * (line[:, None] ** 2 + line**2))[None]
    noise = torch.randn(200, 11, 11)
    assert roughness(blob) < 0.2
    torch.testing.assert_close(roughness(100 * blob), roughness(blob))
    assert 18 < roughness(noise) < 22
    assert 5 < roughness(noise.flatten(0, 1)) < 7
    assert roughness(torch.zeros(1, 3, 3)) == 0


def test_everything_wrong_with_the_layers_is_said_at_once():
    with pytest.raises(ValidationError) as caught:
        config_of(channels=[4], spatial_kernels=[4, 3], clip_frames=5)
    message = str(caught.value)
    assert "one entry a layer, at least one; found 1, 2, 2, 2" in message
    assert "spatial_kernels are odd; found [4]" in message
    assert "clip_frames is above the 5 frames that temporal_kernels reach over; found 5" in message
    with pytest.raises(ValidationError, match="at least one; found 0, 0, 0, 0"):
        config_of(channels=[], spatial_kernels=[], temporal_kernels=[], spatial_strides=[])
