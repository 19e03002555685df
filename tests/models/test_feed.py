"""Where batches come from makes no difference to what is in them."""

import dataclasses
import gc
import threading
from concurrent.futures import wait

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import RecordingError, UserError
from models.networks.dwiseneuro import DwiseNeuroConfig
from models.recordings import clips
from models.recordings.clips import ClipBatch, ClipSampler, Pool
from models.recordings.cutmix import cutmix
from models.recordings.feed import AHEAD, SHARE, Ahead, Direct, feed_of, place_of
from tests.models.tiny import config_of, mouse_trials, pools_of, trial_of

NETWORK = DwiseNeuroConfig(clip_frames=3, frame_step=2)
WIDTH = 5
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
SHAPES = (((1, 7), (2, 4), (3, 5)), ((11, 9), (12, 6)))
"""Numbers and lengths of the trials of two mice; one trial is too short for a clip."""


def mice():
    """Two mice: grey values of one need half floats, those of the other bytes."""
    made = [[trial_of(*shape, neurons) for shape in SHAPES[neurons - 2]] for neurons in (2, 3)]
    for trial in made[1]:
        trial.video = np.floor(trial.video).astype(np.uint8)
    return made


def mapped(pools):
    """Pools whose numbers are there only once a trial was looked at, and what they were asked."""
    asked = []
    return [_mapped(pool, mouse, asked) for mouse, pool in enumerate(pools)], asked


def _mapped(pool, mouse, asked):
    arrays = {name: getattr(pool, name) for name in ("videos", "behaviour", "responses")}
    empty = {name: torch.zeros_like(array) for name, array in arrays.items()}

    def look(place):
        asked.append((mouse, place))
        rows = slice(pool.frames[place], pool.frames[place] + pool.lengths[place])
        for name, array in empty.items():
            array[rows] = arrays[name][rows]

    return dataclasses.replace(
        pool, **empty, look=look, release=lambda: asked.append((mouse, "release"))
    )


def sampler_of(pools, batch_size=4, seed=3):
    return ClipSampler(pools, NETWORK, batch_size, seed)


def tensors(batch):
    return [batch.video, batch.behaviour, *batch.responses]


def assert_same_batches(ours, theirs, steps):
    for step in steps:
        one, other = ours.batch(step), theirs.batch(step)
        assert one.rows == other.rows
        for mine, wanted in zip(tensors(one), tensors(other), strict=True):
            torch.testing.assert_close(mine, wanted, rtol=0, atol=0)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 9), max_size=8), st.sampled_from((1, 3)))
def test_drawing_ahead_gives_the_same_batches_in_any_order_of_steps(steps, downsample):
    ahead = Ahead(sampler_of(pools_of(mice())), CPU, downsample)
    assert_same_batches(ahead, Direct(sampler_of(pools_of(mice())), CPU, downsample), steps)


def test_only_a_few_batches_are_drawn_ahead_and_none_twice_when_steps_ascend():
    sampler, drawn = sampler_of(pools_of(mice())), []
    draw = sampler.draw
    sampler.draw = lambda step: (drawn.append(step), draw(step))[1]
    ahead = Ahead(sampler, CPU)
    for step in range(5):
        ahead.batch(step)
    wait(ahead._drawn.values())
    assert drawn == list(range(5 + AHEAD))
    for step in (90, 3, 40):  # what is passed over is not kept
        ahead.batch(step)
    assert sorted(ahead._drawn) == [41, 42, 43]


def refusing(place):
    if place == 2:
        raise RecordingError("trial 3 is damaged", "Pack it again.")


def outcomes(made, steps):
    """The sum of each batch's grey values, or what was raised instead."""
    found = []
    for step in steps:
        try:
            found.append(float(made.batch(step).video.sum()))
        except RecordingError as error:
            found.append(error.message)
    return found


def test_what_the_thread_raised_is_raised_where_the_batch_is_asked_for():
    def made(kind):
        one, other = pools_of(mice())
        return kind(sampler_of([dataclasses.replace(one, look=refusing), other], 2), CPU)

    wanted = outcomes(made(Direct), range(12))
    assert {type(each) for each in wanted} == {str, float}
    assert outcomes(made(Ahead), range(12)) == wanted


def threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("clips")}


@pytest.mark.parametrize("raising", [False, True])
def test_no_thread_is_left_when_a_feed_is_dropped(raising):
    before, sampler = threads(), sampler_of(pools_of(mice()))
    if raising:
        sampler.draw = lambda step: 1 // 0 if step else None
    ahead = Ahead(sampler, CPU)
    if raising:
        with pytest.raises(AttributeError):  # of the batch that is none
            ahead.batch(0)
    else:
        ahead.batch(0)
    (thread,) = threads() - before
    del ahead
    gc.collect()
    thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", [Direct, Ahead])
def test_a_trial_is_looked_at_once_and_before_its_first_clip(kind):
    pools, asked = mapped(pools_of(mice()))
    sound = Direct(sampler_of(pools_of(mice())), CPU)
    assert_same_batches(kind(sampler_of(pools), CPU), sound, range(30))
    assert sorted(asked) == [(0, 0), (0, 2), (1, 0), (1, 1)]  # all that are long enough


@pytest.mark.parametrize("kind", [Direct, Ahead])
def test_copied_pools_give_the_same_batches(kind):
    pools, asked = mapped(pools_of(mice()))
    copies = [pool.to(CPU) for pool in pools]
    assert asked == [(0, 0), (0, 1), (0, 2), (0, "release"), (1, 0), (1, 1), (1, "release")]
    asked.clear()
    sound = Direct(sampler_of(pools_of(mice())), CPU)
    assert_same_batches(kind(sampler_of(copies), CPU), sound, range(10))
    assert asked == []


def test_a_copied_pool_holds_its_own_trials_alone():
    mouse = mouse_trials(mice()[0])
    chosen = [mouse.trials[2], mouse.trials[0]]
    pool = Pool.of(mouse, chosen)
    copy = pool.to(CPU)
    assert len(copy.videos) == len(copy.behaviour) == len(copy.responses) == 5 + 7
    assert copy.frames.tolist() == copy.rows.tolist() == [0, 5]
    assert copy.bytes == pool.bytes == 12 * (9 * 16 * 2 + 4 * 4 + 2 * 4)
    assert copy.videos[:5].tolist() == mouse.video(chosen[0]).tolist()
    mouse.arrays.videos[:] = 0
    assert copy.videos.any()
    feeds = [Direct(sampler_of([each]), CPU) for each in (pool.to(CPU), Pool.of(mouse, chosen))]
    assert_same_batches(*feeds, range(4))


def test_grey_values_of_all_mice_have_the_widest_type_of_one():
    pools = pools_of(mice())
    assert [pool.videos.dtype for pool in pools] == [torch.float16, torch.uint8]
    drawn = sampler_of(pools).draw(0)
    assert drawn.video.dtype == torch.float16
    alone = sampler_of(pools[1:]).draw(0)
    assert alone.video.dtype == torch.uint8
    as_half = dataclasses.replace(pools[1], videos=pools[1].videos.half())
    mixed = Direct(sampler_of(pools), CPU)
    assert_same_batches(mixed, Direct(sampler_of([pools[0], as_half]), CPU), range(5))


@pytest.mark.parametrize(("resident", "released"), [(10**9, False), (20_000, True), (0, True)])
def test_pages_are_handed_back_when_many_were_looked_at(monkeypatch, resident, released):
    monkeypatch.setattr(clips, "RESIDENT", resident)
    pools, asked = mapped(pools_of(mice()))
    sampler = sampler_of(pools)
    for step in range(10):
        sampler.draw(step)
    times = [asked.count((mouse, "release")) for mouse in (0, 1)]
    assert times[0] == times[1]
    assert bool(times[0]) == released
    if resident:
        assert times[0] < 10  # not at every batch


@pytest.mark.parametrize("asked", ["auto", "on", "off"])
def test_beside_a_cpu_recordings_stay_where_they_are(asked):
    config = config_of(device_cache=asked)
    assert place_of(config, 10**12, CPU) == "direct"
    made = feed_of(pools_of(mice()), _fitting(config), CPU)
    assert isinstance(made, Direct)
    assert not made.sampler.pinned


def _fitting(config):
    return config.model_copy(update={"network": NETWORK})


@pytest.mark.parametrize(
    ("asked", "size", "place"),
    [
        ("auto", SHARE * 1000, "device"),
        ("auto", SHARE * 1000 + 1, "ahead"),
        ("on", 10**12, "device"),
        ("off", 1, "ahead"),
    ],
)
def test_a_gpu_gets_the_recordings_when_they_fit(monkeypatch, asked, size, place):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: {GPU: (1000, 9000)}[device])
    assert place_of(config_of(device_cache=asked), size, GPU) == place


@pytest.mark.parametrize(("free", "kind"), [(10**9, Direct), (100, Ahead)])
def test_a_feed_beside_a_gpu(monkeypatch, free, kind):
    moved = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 10**9))
    monkeypatch.setattr(Pool, "to", lambda pool, device: (moved.append(device), pool)[1])
    made = feed_of(pools_of(mice()), _fitting(config_of()), GPU)
    assert type(made) is kind
    assert made.device == GPU
    assert made.sampler.pinned == (kind is Ahead)
    assert moved == ([GPU, GPU] if kind is Direct else [])


FULL = [
    torch.OutOfMemoryError("out of memory"),
    RuntimeError("CUDA error: out of memory"),  # as torch.AcceleratorError says it
]


def fill(monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(Pool, "to", full)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10**9, 10**9))


@pytest.mark.parametrize("error", FULL)
def test_memory_that_others_have_taken_meanwhile_has_clips_drawn_ahead(monkeypatch, error):
    fill(monkeypatch, error)
    made = feed_of(pools_of(mice()), _fitting(config_of(device_cache="auto")), GPU)
    assert type(made) is Ahead
    assert made.sampler.pinned
    assert all(pool.videos.is_cpu for pool in made.sampler.pools)


def test_a_gpu_that_breaks_is_not_taken_for_a_full_one(monkeypatch):
    fill(monkeypatch, RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal"):
        feed_of(pools_of(mice()), _fitting(config_of(device_cache="auto")), GPU)


@pytest.mark.parametrize("error", FULL)
def test_recordings_that_do_not_fit_the_gpu_after_all(monkeypatch, error):
    fill(monkeypatch, error)
    with pytest.raises(
        UserError, match=r"0\.0 GB of recordings do not fit into .* cuda:0"
    ) as caught:
        feed_of(pools_of(mice()), _fitting(config_of(device_cache="on")), GPU)
    assert "training.device_cache" in caught.value.remedy


def test_cutmix_draws_alike_wherever_the_clips_are():
    batch = Direct(sampler_of(pools_of(mice()), batch_size=8), CPU).batch(0)
    elsewhere = ClipBatch(
        batch.video.to("meta"),
        batch.behaviour.to("meta"),
        [part.to("meta") for part in batch.responses],
        batch.rows,
    )
    states = []
    for clip_batch in (batch, elsewhere):
        torch.manual_seed(5)
        mixed = cutmix(clip_batch, 0.5, 1.0)
        assert [part.device for part in tensors(mixed)] == [clip_batch.video.device] * 4
        states.append(torch.get_rng_state())
    assert torch.equal(*states)
    assert not torch.equal(states[0], torch.Generator().manual_seed(5).get_state())
