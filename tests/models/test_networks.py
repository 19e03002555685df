"""The contract of every family of networks."""

import numpy as np
import pytest
import torch

from models.checkpoints import load_state, save_state
from models.errors import RunError
from models.networks.network import Mouse, width_of_clip
from models.networks.registry import FAMILIES, build
from tests.models.tiny import config_of, mouse_of

SIZE = (9, 16)
NEURONS = (3, 1, 6)


@pytest.fixture(params=FAMILIES)
def config(request):
    return config_of(request.param).network


def network_of(config, neurons=NEURONS, seed=0):
    torch.manual_seed(seed)
    return build(config, [mouse_of(n, f"mouse{n}") for n in neurons], SIZE)


def clips(config, batch, seed=0):
    random = torch.Generator().manual_seed(seed)
    frames = config.clip_frames
    video = 255 * torch.rand(batch, frames, *SIZE, generator=random)
    return video, 5 * torch.rand(batch, 4, frames, generator=random)


def respond(network, inputs, rows):
    with torch.no_grad():
        return network.eval()(*inputs, rows)


def assert_same(one, other, exact=False):
    tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-4, "atol": 1e-5}
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, **tolerance)


@pytest.mark.parametrize("neurons", [(1,), (4,), (5, 2, 3, 1)])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("training", [True, False])
def test_any_number_of_mice_neurons_and_clips(config, neurons, batch, training):
    network = network_of(config, neurons).train(training)
    video, behaviour = clips(config, batch * len(neurons))
    rows = [(mouse, slice(batch * mouse, batch * (mouse + 1))) for mouse in range(len(neurons))]
    for count, response in zip(neurons, network(video, behaviour, rows), strict=True):
        assert response.shape == (batch, count, config.clip_frames)
        assert torch.isfinite(response).all()
        assert (response > 0).all()


def test_responses_come_in_the_order_of_rows_and_absent_mice_are_left_out(config):
    network, inputs = network_of(config), clips(config, 3)
    first, last = respond(network, inputs, [(2, slice(0, 1)), (0, slice(1, 3))])
    assert (first.shape[:2], last.shape[:2]) == ((1, 6), (2, 3))


def test_a_clip_s_response_does_not_depend_on_the_other_clips(config):
    network, (video, behaviour) = network_of(config), clips(config, 5)
    rows = [(0, slice(0, 2)), (2, slice(2, 5))]
    together = respond(network, (video, behaviour), rows)
    for (mouse, part), responses in zip(rows, together, strict=True):
        for row, response in zip(range(5)[part], responses, strict=True):
            one = slice(row, row + 1)
            alone = respond(network, (video[one], behaviour[one]), [(mouse, slice(None))])
            assert_same(alone[0], [response])
    video[2:] = 255 - video[2:]
    changed = respond(network, (video, behaviour), rows)
    assert_same(changed[:1], together[:1])
    assert not torch.allclose(changed[1], together[1])


def test_responses_depend_on_film_behaviour_and_mouse(config):
    network, (video, behaviour) = network_of(config, (3, 3)), clips(config, 1)
    for parameter in network.parameters():  # behaviour starts without influence in some families
        parameter.data += 0.1 * torch.rand(parameter.shape)
    before = respond(network, (video, behaviour), [(0, slice(None))])[0]
    for inputs, mouse in (((255 - video, behaviour), 0), ((video, 5 - behaviour), 0)):
        assert not torch.allclose(respond(network, inputs, [(mouse, slice(None))])[0], before)
    assert not torch.allclose(respond(network, (video, behaviour), [(1, slice(None))])[0], before)


def test_gradients_reach_every_trained_parameter(config):
    network = network_of(config).train()
    rows = [(0, slice(0, 2)), (1, slice(2, 4)), (2, slice(4, 6))]
    responses = network(*clips(config, 6), rows)
    weights = [torch.rand(response.shape) for response in responses]
    sum((w * r).sum() for w, r in zip(weights, responses, strict=True)).backward()
    trained = {name: p.grad for name, p in network.named_parameters() if p.requires_grad}
    assert trained
    unreached = [name for name, grad in trained.items() if grad is None or not grad.any()]
    assert not unreached


def test_a_state_gives_the_same_responses_in_another_network(config, tmp_path):
    network, other = network_of(config), network_of(config, seed=1)
    inputs, rows = clips(config, 3), [(mouse, slice(mouse, mouse + 1)) for mouse in range(3)]
    before = respond(other, inputs, rows)
    save_state(tmp_path / "weights.pt", network.state_dict())
    other.load_state_dict(load_state(tmp_path / "weights.pt"))
    assert_same(respond(other, inputs, rows), respond(network, inputs, rows), exact=True)
    assert not torch.equal(before[0], respond(network, inputs, rows)[0])


def test_magnitudes_come_with_the_state(config):
    """A network that is rebuilt for mice of unknown magnitudes responds as the trained one."""
    network, inputs, rows = network_of(config), clips(config, 1), [(2, slice(None))]
    unknown = build(config, [Mouse.of_size(f"mouse{n}", n) for n in NEURONS], SIZE)
    unknown.load_state_dict(network.state_dict())
    assert_same(respond(unknown, inputs, rows), respond(network, inputs, rows), exact=True)


def test_the_same_seed_gives_the_same_network(config):
    one, two, other = (network_of(config, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_training_starts_near_the_mice_s_magnitudes(config):
    mouse = mouse_of(6)
    response = respond(network_of(config, (6,)), clips(config, 4), [(0, slice(None))])[0]
    ratio = response.mean((0, 2)).numpy() / mouse.response_mean
    assert (ratio > 0.4).all()
    assert (ratio < 2.5).all()


def test_a_silent_neuron_and_a_constant_behaviour_are_no_obstacle(config):
    still = np.zeros(3, np.float32)
    mouse = Mouse("m", 3, still, still, np.ones(4, np.float32), np.zeros(4, np.float32))
    network = build(config, [mouse], SIZE)
    (response,) = network(*clips(config, 2), [(0, slice(None))])
    response.sum().backward()
    assert torch.isfinite(response).all()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_context_is_shorter_than_a_clip(config):
    assert 0 <= network_of(config).context < config.clip_frames
    assert width_of_clip(config) == (config.clip_frames - 1) * config.frame_step + 1


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk"])
def test_a_broken_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(RunError, match="not a readable checkpoint") as caught:
        load_state(path)
    assert str(path) in caught.value.message


def test_a_cut_or_missing_checkpoint_is_named(tmp_path):
    path = tmp_path / "weights.pt"
    with pytest.raises(RunError, match="is missing"):
        load_state(path)
    save_state(path, {"weights": torch.ones(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(RunError, match="not a readable checkpoint"):
        load_state(path)


@pytest.mark.parametrize("frames", [1, 2, 7, 53])
@pytest.mark.parametrize("training", [True, False])
def test_any_clip_length(config, frames, training):
    network = network_of(config, (3,)).train(training)
    longer = config.model_copy(update={"clip_frames": frames})
    (response,) = network(*clips(longer, 2), [(0, slice(None))])
    assert response.shape == (2, 3, frames)
    assert torch.isfinite(response).all()


@pytest.mark.parametrize("size", [(9, 16), (18, 32), (36, 64)])
def test_frames_of_every_resolution(config, size):
    network = build(config, [mouse_of(2)], size)
    video = 255 * torch.rand(1, config.clip_frames, *size)
    (response,) = respond(
        network, (video, torch.rand(1, 4, config.clip_frames)), [(0, slice(None))]
    )
    assert response.shape == (1, 2, config.clip_frames)


@pytest.mark.parametrize("output", ["softplus", "elu", "exp"])
@pytest.mark.parametrize("learn_beta", [False, True])
def test_every_output(config, output, learn_beta):
    update = {"output": output, "learn_beta": learn_beta and output == "softplus"}
    network = network_of(config.model_copy(update=update))
    rows = [(0, slice(0, 1)), (1, slice(1, 2)), (2, slice(2, 3))]
    responses = network.train()(*clips(config, 3), rows)
    assert all((response > 0).all() for response in responses)
    sum(response.sum() for response in responses).backward()
    betas = [p for name, p in network.named_parameters() if name.endswith("log_beta")]
    assert len(betas) == update["learn_beta"]
    assert all(beta.grad is not None and beta.grad.abs() > 0 for beta in betas)


def test_any_mouse_s_readout_reads_any_clip(config):
    network, (video, behaviour) = network_of(config), clips(config, 3)
    rows = [(0, slice(0, 1)), (1, slice(1, 3))]
    readers = [(mouse, slice(None)) for mouse in range(3)]
    with torch.no_grad():
        own = network.eval()(video, behaviour, rows)
        every = network(video, behaviour, rows, readers)
    assert [tuple(r.shape[:2]) for r in every] == [(3, count) for count in NEURONS]
    assert_same(own, [every[0][:1], every[1][1:]])


def test_the_frames_that_lack_history_or_future_are_named(config):
    """Between context and lookahead a response does not depend on what lies beyond a long clip."""
    network = network_of(config, (3,))
    if network.windowed:
        pytest.skip("its features see the whole clip, whatever lies beyond")
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.rand(parameter.shape)
    beyond = 2
    frames = network.context + network.lookahead + 12
    long = config.model_copy(update={"clip_frames": frames + 2 * beyond})
    video, behaviour = clips(long, 1)
    inner = slice(beyond, beyond + frames)
    (whole,) = respond(network, (video, behaviour), [(0, slice(None))])
    (part,) = respond(network, (video[:, inner], behaviour[..., inner]), [(0, slice(None))])
    sound = slice(network.context, frames - network.lookahead)
    assert_same([whole[..., inner][..., sound]], [part[..., sound]])


def test_features_are_shared_and_readouts_are_one_a_mouse(config):
    network = network_of(config)
    assert len(network.readouts) == len(NEURONS)
    assert network.penalty(range(3)).ndim == 0
    assert network.penalty([0]).isfinite()


def test_half_precision_gives_about_the_same(config):
    network, inputs = network_of(config), clips(config, 3)
    rows = [(mouse, slice(mouse, mouse + 1)) for mouse in range(3)]
    exact = respond(network, inputs, rows)
    with torch.autocast("cpu", torch.bfloat16):
        rough = respond(network, inputs, rows)
    for one, other in zip(exact, rough, strict=True):
        assert other.dtype == torch.float32
        assert (one - other).abs().max() < 0.05 * one.abs().max()
