import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RecordingError
from models.networks.dwiseneuro import DwiseNeuroConfig
from models.recordings.clips import ClipBatch, ClipSampler
from models.recordings.cutmix import cutmix
from tests.models.tiny import feed_of_trials, pools_of, trial_of

NETWORK = DwiseNeuroConfig(clip_frames=5, frame_step=3)
WIDTH = 13
NEURONS = (2, 4, 3)


@pytest.fixture
def trials():
    """Three mice; the trial of 12 frames is too short for a clip."""
    lengths = ([13, 40, 12], [30, 12], [15, 14])
    return [
        [trial_of(10 * mouse + index, length, neurons) for index, length in enumerate(of_mouse)]
        for mouse, (of_mouse, neurons) in enumerate(zip(lengths, NEURONS, strict=True))
    ]


def tensors(batch):
    return [batch.video, batch.behaviour, *batch.responses]


def test_a_batch_follows_from_seed_and_step_alone(trials):
    one, two = (ClipSampler(pools_of(trials), NETWORK, 6, seed=1) for _ in range(2))
    for step in range(3):
        one.draw(step)
    for mine, other in zip(tensors(one.draw(7)), tensors(two.draw(7)), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=0)
    others = (two.draw(8), ClipSampler(pools_of(trials), NETWORK, 6, seed=2).draw(7))
    assert all(not torch.equal(one.draw(7).video, other.video) for other in others)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 7])
def test_mice_are_spread_evenly_over_the_steps(trials, batch_size):
    feed = feed_of_trials(trials, NETWORK, batch_size, seed=0)
    shown = np.zeros(3, int)
    for step in range(3):
        batch = feed.batch(step)
        assert [mouse for mouse, _ in batch.rows] == sorted(mouse for mouse, _ in batch.rows)
        covered = [row for _, part in batch.rows for row in range(batch_size)[part]]
        assert covered == list(range(batch_size))
        for (mouse, part), response in zip(batch.rows, batch.responses, strict=True):
            shown[mouse] += part.stop - part.start
            assert response.shape == (part.stop - part.start, NEURONS[mouse], 5)
    assert shown.tolist() == [batch_size] * 3


def test_a_clip_is_a_slice_of_a_trial_of_its_mouse_with_aligned_responses(trials):
    feed = feed_of_trials(trials, NETWORK, 12, seed=0)
    seen = set()
    for step in range(20):
        batch = feed.batch(step)
        assert (batch.video.shape, batch.behaviour.shape) == ((12, 5, 9, 16), (12, 4, 5))
        for (mouse, part), responses in zip(batch.rows, batch.responses, strict=True):
            for row, response in zip(range(12)[part], responses, strict=True):
                number, start = divmod(int(response[0, 0]), 100)
                trial = next(trial for trial in trials[mouse] if trial.number == number)
                frames = slice(start, start + WIDTH, 3)
                assert response.tolist() == trial.responses[:, frames].tolist()
                assert batch.behaviour[row].tolist() == trial.behaviour[:, frames].tolist()
                np.testing.assert_array_equal(batch.video[row].numpy(), trial.video[frames])
                seen.add((number, start))
    assert {number for number, _ in seen} == {0, 1, 10, 20, 21}  # all that are long enough
    assert {start for number, start in seen if number == 21} == {0, 1}  # first and last place


def test_a_mouse_without_a_long_enough_trial(trials):
    trials[1] = trials[1][1:]
    with pytest.raises(RecordingError, match="a clip spans 13 frames") as caught:
        ClipSampler(pools_of(trials), NETWORK, 6, seed=0)
    assert "network.clip_frames" in caught.value.remedy


def numbered_batch():
    """Two mice with 4 and 3 clips; every value of clip i is i."""
    numbers = torch.arange(7.0)
    return ClipBatch(
        video=numbers[:, None, None, None].expand(7, 2, 9, 16).clone(),
        behaviour=numbers[:, None, None].expand(7, 4, 2).clone(),
        responses=[
            numbers[rows, None, None].expand(-1, neurons, 2).clone()
            for rows, neurons in ((slice(0, 4), 3), (slice(4, 7), 2))
        ],
        rows=[(0, slice(0, 4)), (2, slice(4, 7))],
    )


def test_cutmix_of_probability_zero_changes_nothing():
    batch = numbered_batch()
    mixed = cutmix(batch, 0.0, 1.0)
    for ours, theirs in zip(tensors(mixed), tensors(batch), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@given(st.integers(0, 1000), st.sampled_from([0.2, 1.0, 5.0]))
def test_cutmix_mixes_by_the_share_of_the_box_and_within_mice(seed, alpha):
    torch.manual_seed(seed)
    batch = numbered_batch()
    mixed = cutmix(batch, 1.0, alpha)
    for (_, rows), responses in zip(mixed.rows, mixed.responses, strict=True):
        for row, response in zip(range(7)[rows], responses, strict=True):
            film = mixed.video[row]
            assert torch.equal(film[0], film[1])  # the same box in all frames
            assert {int(value) for value in film.unique()} <= {*range(7)[rows]}
            assert len(film.unique()) <= 2
            for mean in (response, mixed.behaviour[row]):
                torch.testing.assert_close(mean, film.mean().expand(mean.shape))


def test_cutmix_leaves_its_input_and_mixes_boxes():
    torch.manual_seed(0)
    batch = numbered_batch()
    mixed = cutmix(batch, 1.0, 1.0)
    torch.testing.assert_close(tensors(batch), tensors(numbered_batch()))
    changed = mixed.video != batch.video
    assert changed.any()
    for film in changed[:, 0]:
        rows, columns = film.any(1).sum(), film.any(0).sum()
        assert film.sum() == rows * columns  # a box


def test_boxes_take_a_sizeable_share_on_average():
    torch.manual_seed(0)
    batch = numbered_batch()
    shares = [(batch.video != cutmix(batch, 1.0, 1.0).video).float().mean() for _ in range(50)]
    # A uniform share, less what leaves the frame and what meets the clip itself.
    assert 0.15 < np.mean(shares) < 0.45


def test_every_clip_of_a_mouse_may_be_a_partner_of_every_other():
    torch.manual_seed(0)
    pairs = set()
    for _ in range(100):
        for row, film in enumerate(cutmix(numbered_batch(), 1.0, 1.0).video):
            pairs |= {(row, int(value)) for value in film.unique()}
    mice = (range(4), range(4, 7))
    assert pairs == {(row, other) for rows in mice for row in rows for other in rows}
