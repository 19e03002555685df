"""Clips from the packed store, and the two plain ways: files read whole a clip, all files in memory."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.networks.dwiseneuro import DwiseNeuroConfig
from models.networks.network import width_of_clip
from models.recordings.clips import ClipSampler, Pool
from models.recordings.layout import KINDS, file_ids
from models.recordings.store.pack import pack, plan_packing
from models.recordings.trials import load_trials

BATCH = 32
NETWORK = DwiseNeuroConfig()
"""The winner's clips: 16 frames, every second one."""
WARM_UP = 30
"""Batches before the clock starts: each trial is checked once, when it is first drawn from."""
SECONDS = 2.0

Array = npt.NDArray[np.generic]


def clips_from_store(store: str) -> float:
    """Clips a second, in one process."""
    sampler = _sampler(Path(store))
    for step in range(WARM_UP):
        sampler.draw(step)
    return _rate(sampler.draw)


def clips_from_files(data: str) -> float:
    """Clips a second when every clip reads its trial's four files whole, as the winner's code does."""
    folder = _only_session(Path(data)) / "data"
    trials = file_ids(folder / "videos")

    def read(kind: str, trial: int) -> Array:
        array: Array = np.load(folder / kind / f"{trial}.npy")
        return array

    return _rate(lambda step: _plain_batch(read, trials, step))


def first_batch_from_store(store: str) -> float:
    """Seconds from the imports to the first batch."""
    began = time.perf_counter()
    _sampler(Path(store)).draw(0)
    return time.perf_counter() - began


def first_batch_from_memory(data: str) -> float:
    """Seconds to the first batch when all files are read into memory before, as the organisers' do."""
    began = time.perf_counter()
    folder = _only_session(Path(data)) / "data"
    trials = file_ids(folder / "videos")
    arrays = {
        (kind, trial): np.load(folder / kind / f"{trial}.npy").astype(np.float32)
        for kind in KINDS
        for trial in trials
    }
    _plain_batch(lambda kind, trial: arrays[kind, trial], trials, 0)
    return time.perf_counter() - began


def packed_in(data: str, store: str, jobs: str) -> float:
    """Seconds to pack a data set."""
    began = time.perf_counter()
    pack(plan_packing(Path(data), Path(store)), exact=False, jobs=int(jobs))
    return time.perf_counter() - began


def _sampler(store: Path) -> ClipSampler:
    mice = load_trials(store, ("train",))
    return ClipSampler([Pool.of(mouse, mouse.trials) for mouse in mice], NETWORK, BATCH, seed=0)


def _plain_batch(read: Callable[[str, int], Array], trials: list[int], step: int) -> list[Array]:
    """A batch of clips, cut from whole trials."""
    random = np.random.default_rng((0, step))
    clips = [_plain_clip(read, trials, random) for _ in range(BATCH)]
    return [np.stack(parts) for parts in zip(*clips, strict=True)]


def _plain_clip(
    read: Callable[[str, int], Array], trials: list[int], random: np.random.Generator
) -> list[Array]:
    trial = trials[random.integers(len(trials))]
    whole = [read(kind, trial) for kind in KINDS]
    width = width_of_clip(NETWORK)
    start = random.integers(whole[0].shape[-1] - width + 1)
    return [array[..., start : start + width : NETWORK.frame_step] for array in whole]


def _rate(draw: Callable[[int], object]) -> float:
    """Clips a second."""
    step, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        draw(step)
        step += 1
    return step * BATCH / (time.perf_counter() - began)


def _only_session(data: Path) -> Path:
    (session,) = data.iterdir()
    return session
