import pytest
import torch
from pydantic import ValidationError

from models.networks import gaussian
from models.networks.gaussian import GaussianConfig, GaussianNeurons, GaussianReadout, Shifter
from models.networks.outputs import Activation
from tests.models.tiny import mouse_of

HEIGHT, WIDTH = 5, 9


def readout_of(neurons=1, channels=1, **settings):
    """A readout whose neurons read the plain sum of the channels."""
    config = GaussianConfig(clip_frames=4, **settings)
    readout = GaussianReadout(config, channels, neurons)
    readout.features.data.fill_(1.0)
    return readout.eval()


def maps(batch=1, channels=1, frames=3, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, frames, HEIGHT, WIDTH, generator=random)


def pixel(row, column):
    """The place (x, y) of a pixel's centre; rows and columns may lie between or outside."""
    return torch.tensor([2 * column / (WIDTH - 1) - 1, 2 * row / (HEIGHT - 1) - 1])


def drive_at(readout, x, *places, shift=None):
    readout.place.data = torch.stack(places)
    with torch.no_grad():
        return readout(x, shift)


def test_a_place_at_a_pixel_reads_that_pixel():
    x = maps(batch=2)
    pixels = [(0, 0), (0, 8), (4, 0), (4, 8), (2, 5)]
    drive = drive_at(readout_of(len(pixels)), x, *(pixel(*each) for each in pixels))
    expected = torch.stack([x[:, 0, :, row, column] for row, column in pixels], dim=1)
    torch.testing.assert_close(drive, expected)


def test_between_pixels_features_are_interpolated_linearly():
    x = maps()
    drive = drive_at(readout_of(), x, pixel(1.25, 3.5))
    rows = 0.75 * x[0, 0, :, 1] + 0.25 * x[0, 0, :, 2]
    torch.testing.assert_close(drive[0, 0], (rows[:, 3] + rows[:, 4]) / 2)


@pytest.mark.parametrize(
    ("outside", "rim"),
    [((-3, 2), (0, 2)), ((9, 9), (4, 8)), ((1, -0.5), (1, 0)), ((1, 8.5), (1, 8))],
)
def test_a_place_outside_reads_the_rim(outside, rim):
    x = maps()
    drive = drive_at(readout_of(), x, pixel(*outside))
    torch.testing.assert_close(drive[0, 0], x[0, 0, :, rim[0], rim[1]])


def test_each_neuron_weights_the_channels_itself():
    readout, x = readout_of(neurons=2, channels=3), maps(channels=3)
    readout.features.data = torch.tensor([[1.0, 0.0, -2.0], [0.0, 3.0, 0.0]])
    drive = drive_at(readout, x, pixel(2, 2), pixel(1, 4))
    torch.testing.assert_close(drive[0, 0], x[0, 0, :, 2, 2] - 2 * x[0, 2, :, 2, 2])
    torch.testing.assert_close(drive[0, 1], 3 * x[0, 1, :, 1, 4])


def test_a_shift_moves_all_places_of_its_frame():
    x = maps(batch=2)
    by = torch.zeros(2, 3, 2)
    by[1, 2] = pixel(1, 2) - pixel(0, 0)
    drive = drive_at(readout_of(2), x, pixel(2, 3), pixel(0, 0), shift=by)
    expected = torch.stack([x[:, 0, :, 2, 3], x[:, 0, :, 0, 0]], dim=1)
    expected[1, :, 2] = torch.stack([x[1, 0, 2, 3, 5], x[1, 0, 2, 1, 2]])
    torch.testing.assert_close(drive, expected)


def test_places_are_drawn_once_a_clip_while_training():
    readout, still = readout_of(3), maps(batch=2, frames=1).expand(-1, -1, 4, -1, -1)
    drive = readout.train()(still)
    assert torch.equal(drive, drive[..., :1].expand(-1, -1, 4))
    assert len(readout.places(2).flatten().unique()) == 2 * 3 * 2
    assert not torch.equal(readout(still), drive)
    mean = readout.eval()(still)
    assert torch.equal(mean, readout(still))
    assert torch.equal(readout.places(2), readout.place.expand(2, -1, -1))


def test_draws_have_the_place_s_mean_and_the_spread_s_covariance():
    torch.manual_seed(0)
    readout = readout_of(2).train()
    readout.spread.data = torch.tensor([[[0.1, 0.0], [0.3, 0.2]], [[0.5, -0.4], [0.0, 0.1]]])
    drawn = readout.places(40_000)
    torch.testing.assert_close(drawn.mean(0), readout.place.data, rtol=0, atol=0.02)
    for neuron, spread in enumerate(readout.spread.data):
        found = torch.cov(drawn[:, neuron].T)
        torch.testing.assert_close(found, spread @ spread.T, rtol=0, atol=0.01)


def test_gradients_reach_place_spread_features_shift_and_maps():
    readout, x = readout_of(4, place_spread=0.1).train(), maps(batch=2).requires_grad_()
    shift = torch.zeros(2, 3, 2, requires_grad=True)
    readout(x, shift).square().sum().backward()
    for tensor in (readout.place, readout.spread, readout.features, shift, x):
        assert tensor.grad is not None
        assert tensor.grad.any()
    readout.zero_grad()
    readout.eval()(x, shift).sum().backward()
    assert readout.place.grad.any()
    assert readout.spread.grad is None


@pytest.mark.parametrize("shifted", [True, False])
def test_reading_a_few_frames_at_a_time_changes_nothing(monkeypatch, shifted):
    readout, x = readout_of(4, channels=2), maps(batch=3, channels=2, frames=5)
    shift = 0.3 * torch.randn(3, 5, 2) if shifted else None

    def read():
        readout.zero_grad()
        inputs = x.clone().requires_grad_()
        drive = readout(inputs, shift)
        drive.square().sum().backward()
        return drive.detach(), inputs.grad, *(p.grad for p in (readout.place, readout.features))

    whole = read()
    counts, read_part = [], readout._read
    monkeypatch.setattr(gaussian, "READ_AT_ONCE", 4 * 2 * 2)
    monkeypatch.setattr(readout, "_read", lambda m, p: counts.append(len(m)) or read_part(m, p))
    for one, other in zip(read(), whole, strict=True):
        torch.testing.assert_close(one, other)
    assert set(counts) == {1, 2}  # of 15 frames


def test_half_precision_does_not_move_places():
    readout, x = readout_of(), torch.arange(float(WIDTH)).expand(1, 1, 1, HEIGHT, WIDTH)
    place = pixel(2, 6.3)
    with torch.autocast("cpu", torch.bfloat16):
        drive = drive_at(readout, x.bfloat16(), place)
    torch.testing.assert_close(drive, torch.full((1, 1, 1), 6.3))


def test_places_start_within_their_range():
    readout = readout_of(500, place_range=0.3, place_spread=0.7)
    assert 0.25 < readout.place.abs().max() <= 0.3
    assert torch.equal(readout.spread[7], 0.7 * torch.eye(2))
    with pytest.raises(ValidationError, match="place_range"):
        GaussianConfig(clip_frames=4, place_range=1.5)


@pytest.mark.parametrize(("layers", "sizes"), [(1, [2]), (3, [5, 5, 2])])
def test_a_shifter_has_so_many_layers_and_stays_within_the_frame(layers, sizes):
    shifter = Shifter(GaussianConfig(clip_frames=4, shifter_layers=layers))
    assert [len(p) for name, p in shifter.named_parameters() if "bias" in name] == sizes
    shift = shifter(100 * torch.randn(2, 7, 2))
    assert shift.shape == (2, 7, 2)
    assert (shift.abs() <= 1).all()


@pytest.mark.parametrize("layers", [0, 3])
def test_the_pupil_s_centre_moves_what_neurons_see_and_nothing_else_does(layers):
    torch.manual_seed(0)
    config = GaussianConfig(clip_frames=4, shifter_layers=layers)
    activation = Activation(config)
    neurons = GaussianNeurons(config, 2, mouse_of(3), activation).eval()
    x, states = maps(channels=2), torch.randn(1, 4, 3)
    before = neurons(x, states, activation)
    for channel in range(4):
        changed = states.clone()
        changed[:, channel, 1] += 1
        same = (neurons(x, changed, activation) == before).all(1)[0].tolist()
        moved = channel >= 2 and layers > 0
        assert same == [True, not moved, True]


def test_the_penalty_is_the_sum_of_absolute_feature_weights():
    readout = readout_of(neurons=2, channels=3)
    readout.features.data = torch.tensor([[1.0, -2.0, 0.0], [0.5, 0.0, -0.25]])
    assert readout.penalty().item() == 3.75
