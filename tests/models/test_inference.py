import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.bench import inference as bench
from models.inference import Clip, Predictor, frames_at_once, plan_windows, window_starts
from models.networks.dwiseneuro import DwiseNeuroConfig
from models.networks.registry import build
from tests.models.tiny import NETWORKS, config_of, mouse_of


@st.composite
def clips(draw):
    frames = draw(st.integers(1, 8))
    context = draw(st.integers(0, frames - 1))
    lookahead = draw(st.integers(0, frames - 1 - context))
    return Clip(frames, draw(st.integers(1, 4)), context, lookahead)


more, strides = st.integers(0, 40), st.integers(1, 60)


def shortest(clip):
    return clip.width + clip.step - 1


def counts_of(length, clip, stride):
    """How many windows count for each frame, and in how many of them it is seen properly."""
    counts, proper = np.zeros(length, int), np.zeros(length, int)
    for window in plan_windows(length, clip, stride):
        places = np.arange(length)[window.seen(clip.step)]
        within = np.arange(clip.frames)[window.counted]
        np.testing.assert_array_equal(places, window.start + within * clip.step)
        counts[places] += 1
        proper[places[(within >= clip.context) & (within < clip.frames - clip.lookahead)]] += 1
    return counts, proper


@given(clips(), more, strides)
def test_every_frame_counts_and_in_the_middle_properly_only(clip, more, stride):
    length = shortest(clip) + more
    windows = plan_windows(length, clip, stride)
    starts = [window.start for window in windows]
    assert starts == sorted(set(starts))
    assert (starts[0], starts[-1]) == (0, length - clip.width)
    counts, proper = counts_of(length, clip, stride)
    assert counts.min() >= 1
    middle = slice(clip.context * clip.step, length - clip.lookahead * clip.step)
    assert proper[middle].min() >= 1
    np.testing.assert_array_equal(counts[middle], proper[middle])


@given(clips(), more, st.integers(1, 10))
def test_so_many_windows_see_each_frame(clip, more, windows):
    length = 3 * shortest(clip) + more
    stride = clip.stride(windows)
    _, proper = counts_of(length, clip, stride)
    middle = proper[shortest(clip) : length - shortest(clip)]
    assert middle.min() >= min(windows, clip.reach // clip.step)
    if stride > clip.step:  # else there is a window at every start
        assert middle.max() <= 2 * windows + 1


def test_stride_one_is_a_window_at_every_start():
    assert window_starts(10, 5, 1, stride=1) == [0, 1, 2, 3, 4, 5]
    assert window_starts(10, 5, 2, stride=1) == [0, 1, 2, 3, 4, 5]


def test_a_longer_stride_needs_fewer_windows():
    counts = [len(window_starts(300, 31, 2, stride)) for stride in (1, 4, 8, 16, 32)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 20  # ten groups of two neighbours see 300 frames by 32
    assert counts_of(96, Clip(16, 2), 32)[0].tolist() == [1] * 96
    assert counts_of(96, Clip(16, 2), 10**6)[0].tolist() == [1] * 96


def test_windows_are_spread_evenly():
    starts = window_starts(62, 10, 1, stride=10)
    assert starts == [0, 8, 17, 26, 34, 43, 52]


MEMORY = torch.OutOfMemoryError("out of memory")


class Recorder(torch.nn.Module):
    """Responds to each frame with its own brightness and behaviour, plus the mouse.

    Where a clip's frame lacks history or future it adds a million, as no family would.
    """

    def __init__(self, windowed=True, context=0, lookahead=0, largest=10**9, refused=MEMORY):
        super().__init__()
        self.windowed, self.context, self.lookahead = windowed, context, lookahead
        self.largest, self.refused = largest, refused
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches = []

    def forward(self, video, behaviour, rows):
        if len(video) > self.largest:
            raise self.refused
        self.batches.append(len(video))
        assert video.dtype == behaviour.dtype == torch.float32
        ((mouse, part),) = rows
        responses = torch.stack([video.mean((2, 3)), behaviour[:, 1]], dim=1)[part] + mouse
        responses[..., : self.context] += 1e6
        responses[..., responses.shape[-1] - self.lookahead :] += 1e6
        return [responses]


def content(length):
    video = np.arange(length, dtype=np.float32)[:, None, None].repeat(2, 1)
    behaviour = np.arange(4 * length, dtype=np.float32).reshape(4, length)
    return video, behaviour


def config_for(clip):
    return DwiseNeuroConfig(clip_frames=clip.frames, frame_step=clip.step)


@given(clips(), more, strides, st.integers(1, 5), st.booleans())
def test_every_frame_gets_the_response_to_itself(clip, more, stride, batch_size, windowed):
    length = 1 + more  # often shorter than a window
    video, behaviour = content(length)
    predictor = Predictor(
        Recorder(windowed), config_for(clip), stride=stride, batch_size=batch_size
    )
    predicted = predictor.predict(video, behaviour, mouse=3)
    assert (predicted.shape, predicted.dtype) == ((2, length), np.float32)
    np.testing.assert_allclose(predicted, [video[:, 0, 0] + 3, behaviour[1] + 3], rtol=1e-6)


@given(clips(), more, strides)
def test_frames_that_lack_history_or_future_count_only_at_the_ends(clip, more, stride):
    length = shortest(clip) + more
    video, behaviour = content(length)
    network = Recorder(context=clip.context, lookahead=clip.lookahead)
    predicted = Predictor(network, config_for(clip), stride=stride).predict(video, behaviour, 0)
    first, last = clip.context * clip.step, length - clip.lookahead * clip.step
    expected = video[:, 0, 0].copy()
    expected[:first] += 1e6
    expected[last:] += 1e6
    np.testing.assert_allclose(predicted[0], expected, rtol=1e-6)


class Ranked(Recorder):
    """Responds with a number of frame and place in the clip, so that every window differs."""

    def forward(self, video, behaviour, rows):
        brightness = super().forward(video, behaviour, rows)[0][:, :1]
        places = torch.arange(brightness.shape[-1])
        return [torch.sin(brightness) + places.square()]


@given(clips(), more, st.integers(1, 12) | st.none(), st.integers(1, 8) | st.none())
def test_predictions_equal_a_plain_loop(clip, more, stride, windows):
    length = shortest(clip) + more
    stride, windows = (None, windows) if windows else (stride, None)
    network = Ranked()
    network.context, network.lookahead = clip.context, clip.lookahead
    video, behaviour = content(length)
    predictor = Predictor(network, config_for(clip), stride, windows, batch_size=3)
    network.context = network.lookahead = 0  # now it adds no million
    predicted = predictor.predict(video, behaviour, 0)
    reach = (clip.frames - clip.context - clip.lookahead) * clip.step
    apart = max(reach // windows, 1) if windows else stride or 1
    starts = window_starts(length, clip.width, clip.step, min(apart, reach))
    for frame in range(length):
        seen = [
            (start, (frame - start) // clip.step)
            for start in starts
            if start <= frame < start + clip.width and (frame - start) % clip.step == 0
        ]
        # A frame that every window sees too early is taken from the window that began first.
        proper = [
            place
            for start, place in seen
            if (place >= clip.context or start < clip.step)
            and (place < clip.frames - clip.lookahead or start + clip.width > length - clip.step)
        ]
        expected = np.mean([np.sin(frame) + place**2 for place in proper])
        np.testing.assert_allclose(predicted[0, frame], expected, rtol=1e-5, atol=1e-5)


class Sum(Recorder):
    def forward(self, video, behaviour, rows):
        return [super().forward(video, behaviour, rows)[0].cumsum(-1)]


@given(st.integers(1, 20), st.integers(1, 5))
def test_frames_of_a_network_without_windows_are_taken_in_its_steps(length, step):
    """Each of the trial's phases by itself: a running sum shows what was seen before a frame."""
    video, behaviour = content(length)
    config = DwiseNeuroConfig(clip_frames=2, frame_step=step)
    predicted = Predictor(Sum(windowed=False), config).predict(video, behaviour, 0)
    expected = [sum(range(frame % step, frame + 1, step)) for frame in range(length)]
    np.testing.assert_allclose(predicted[0], expected)


def test_where_memory_is_too_small_batches_are_halved_and_stay_so():
    video, behaviour = content(40)
    network = Recorder(largest=3)
    predictor = Predictor(network, DwiseNeuroConfig(clip_frames=4, frame_step=1), batch_size=16)
    for _ in range(2):
        predicted = predictor.predict(video, behaviour, 0)
        np.testing.assert_allclose(predicted, [video[:, 0, 0], behaviour[1]], rtol=1e-6)
    assert predictor.batch_size == 2
    assert network.batches == [2] * 18 + [1] + [2] * 18 + [1]


def test_memory_that_is_too_small_for_one_window_and_other_errors_are_raised():
    config = DwiseNeuroConfig(clip_frames=4, frame_step=1)
    with pytest.raises(torch.OutOfMemoryError):
        Predictor(Recorder(largest=0), config).predict(*content(40), 0)
    network = Recorder(largest=1, refused=RuntimeError("another"))
    with pytest.raises(RuntimeError, match="another"):
        Predictor(network, config).predict(*content(40), 0)


def test_batches_hold_more_of_smaller_frames():
    cpu = torch.device("cpu")
    assert frames_at_once(cpu, 36 * 64) == 16
    assert frames_at_once(cpu, 18 * 32) == 64
    assert frames_at_once(cpu, 1) == 2048
    network = Recorder()
    small = Predictor(network, DwiseNeuroConfig(clip_frames=4, frame_step=1))
    small.predict(np.zeros((200, 18, 32), np.float32), np.zeros((4, 200), np.float32), 0)
    assert network.batches[0] == 16


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
    one, many, again = (
        Predictor(network, config, batch_size=size).predict(*trial(40), 0) for size in (1, 64, 64)
    )
    np.testing.assert_allclose(one, many, rtol=1e-5)
    np.testing.assert_array_equal(many, again)
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


def test_the_benchmark_measures_two_ways_that_predict_the_same():
    network = config_of("dwiseneuro").network
    size = bench.Size(network, neurons=3, frames=20, device="cpu")
    (figure,) = bench.bench_inference(size, rounds=1)
    assert (figure.name, figure.unit) == (next(iter(bench.PROMISES)), "frames/s")
    assert figure.ratio == figure.value / figure.baseline > 0
    assert bench.Size.fitting(5, 40, "cpu") == bench.Size(bench.SMALL, 5, 40, "cpu")


def test_the_benchmark_refuses_ways_that_differ(monkeypatch):
    monkeypatch.setattr(bench, "one_at_a_time", lambda *_: np.ones((3, 20), np.float32))
    size = bench.Size(config_of("dwiseneuro").network, neurons=3, frames=20, device="cpu")
    with pytest.raises(ArithmeticError, match="predict the same within 1e-05; found"):
        bench.bench_inference(size, rounds=1)
