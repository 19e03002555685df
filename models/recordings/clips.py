"""Training batches: random clips, mice spread evenly, a function of seed and step alone.

Clips are drawn as they are held, in few bytes and with time first, from wherever the arrays lie:
memory, a file mapped into it, or a GPU. What networks take is made of them on the device.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from models.errors import RecordingError
from models.networks.network import NetworkConfig, Rows, width_of_clip
from models.recordings.trials import MouseTrials, Trial

Indices = npt.NDArray[np.int64]

RESIDENT = 32 * 2**20
"""Bytes of mapped files that may be looked at before their pages are handed back.

The system maps up to three times as much, since it maps what lies around, too.
"""


@dataclass(frozen=True)
class ClipBatch:
    """B clips of T frames, sorted by mouse, as networks take them."""

    video: Tensor  # (B, T, H, W) grey values 0..255
    behaviour: Tensor  # (B, 4, T)
    responses: list[Tensor]  # (b, N, T) of each mouse in `rows`
    rows: Rows


@dataclass(frozen=True)
class RawClips:
    """B clips of T frames, sorted by mouse, as they are held."""

    video: Tensor  # (B, T, H, W) bytes or half floats
    behaviour: Tensor  # (B, T, 4)
    responses: list[Tensor]  # (b, T, N) of each mouse in `rows`, half floats or floats
    rows: Rows

    def ready(self, device: torch.device, downsample: int = 1) -> ClipBatch:
        """The same clips on a device, in floats, frames averaged over squares of pixels."""
        responses = [part.to(device, non_blocking=True) for part in self.responses]
        behaviour = self.behaviour.to(device, non_blocking=True)
        return ClipBatch(
            video=downsampled(self.video.to(device, non_blocking=True), downsample),
            behaviour=behaviour.transpose(1, 2).contiguous(),
            responses=[part.float().transpose(1, 2).contiguous() for part in responses],
            rows=self.rows,
        )


def downsampled(video: Tensor, factor: int) -> Tensor:
    """(..., H / factor, W / factor) floats: means over squares of factor x factor pixels."""
    frames = video.float()
    if factor == 1:
        return frames
    means: Tensor = F.avg_pool2d(frames.flatten(0, -3), factor).unflatten(0, frames.shape[:-2])
    return means


@dataclass(frozen=True)
class Pool:
    """The trials of one mouse that clips are drawn from, with arrays on one device."""

    videos: Tensor  # (F, H, W)
    behaviour: Tensor  # (F, 4)
    responses: Tensor  # (R, N)
    lengths: Indices  # (n,) frames of each trial
    frames: Indices  # (n,) its first row in videos and behaviour
    rows: Indices  # (n,) its first row in responses
    look: Callable[[int], None] = lambda _: None
    """Called with a trial's place in the pool before its first clip is drawn; may refuse it."""
    release: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, mouse: MouseTrials, trials: Sequence[Trial]) -> "Pool":
        """The pool of some trials of a mouse, where its arrays lie."""
        arrays = mouse.arrays
        table = np.array([(t.length, t.frame, t.row) for t in trials], np.int64).reshape(-1, 3)
        numbers = [trial.number for trial in trials]
        return cls(
            videos=torch.from_numpy(arrays.videos),
            behaviour=torch.from_numpy(arrays.behaviour),
            responses=torch.from_numpy(arrays.responses),
            lengths=table[:, 0],
            frames=table[:, 1],
            rows=table[:, 2],
            look=lambda place: arrays.look(numbers[place]),
            release=arrays.release,
        )

    @property
    def trials(self) -> int:
        """How many there are."""
        return len(self.lengths)

    @property
    def bytes_a_frame(self) -> int:
        """Of all three arrays."""
        arrays = (self.videos, self.behaviour, self.responses)
        return sum(array[:1].numel() * array.element_size() for array in arrays)

    @property
    def bytes(self) -> int:
        """What the arrays of its trials take."""
        return int(self.lengths.sum()) * self.bytes_a_frame

    def to(self, device: torch.device) -> "Pool":
        """The pool with its trials alone, each looked at, copied to a device."""
        firsts = np.cumsum(self.lengths) - self.lengths
        total = int(self.lengths.sum())
        copied = replace(
            self,
            videos=self.videos.new_empty((total, *self.videos.shape[1:]), device=device),
            behaviour=self.behaviour.new_empty((total, 4), device=device),
            responses=self.responses.new_empty((total, self.responses.shape[1]), device=device),
            frames=firsts,
            rows=firsts,
            look=lambda _: None,
            release=lambda: None,
        )
        for place, (first, length) in enumerate(zip(firsts, self.lengths, strict=True)):
            self.look(place)
            frame, row, rows = self.frames[place], self.rows[place], slice(first, first + length)
            copied.videos[rows] = self.videos[frame : frame + length].to(device)
            copied.behaviour[rows] = self.behaviour[frame : frame + length].to(device)
            copied.responses[rows] = self.responses[row : row + length].to(device)
        self.release()
        return copied

    def long_enough(self, width: int) -> "Pool":
        """Without the trials of fewer than `width` frames."""
        kept = np.flatnonzero(self.lengths >= width)
        table = (self.lengths[kept], self.frames[kept], self.rows[kept])
        places, look = kept.tolist(), self.look
        return replace(
            self,
            lengths=table[0],
            frames=table[1],
            rows=table[2],
            look=lambda place: look(places[place]),
        )


class ClipSampler:
    """Draws batches from a pool a mouse; a mouse without a long enough trial is a RecordingError."""

    def __init__(
        self,
        pools: Sequence[Pool],
        network: NetworkConfig,
        batch_size: int,
        seed: int,
        pinned: bool = False,
    ) -> None:
        self.width, self.step = width_of_clip(network), network.frame_step
        self.batch_size, self.seed, self.pinned = batch_size, seed, pinned
        self.pools = [pool.long_enough(self.width) for pool in pools]
        if not all(pool.trials for pool in self.pools):
            message = f"a clip spans {self.width} frames, but no training trial of some mouse does"
            raise RecordingError(message, "Lower network.clip_frames or network.frame_step.")
        types = (pool.videos.dtype for pool in self.pools)
        self._video_type = functools.reduce(torch.promote_types, types)
        self._trials = np.array([pool.trials for pool in self.pools])
        self._first = np.cumsum(self._trials) - self._trials
        self._lengths = np.concatenate([pool.lengths for pool in self.pools])
        self._unseen = [np.ones(pool.trials, bool) for pool in self.pools]
        self._row_bytes = [pool.bytes_a_frame for pool in self.pools]
        self._looked_at = 0

    def draw(self, step: int) -> RawClips:
        """The clips of a training step."""
        mice, trials, starts = self._places(step)
        rows = [(int(mouse), _slice_of(mice == mouse)) for mouse in np.unique(mice)]
        size = self.pools[0].videos.shape[1:]
        video = self._empty((len(mice), self._frames, *size), self._video_type)
        behaviour = self._empty((len(mice), self._frames, 4), torch.float32)
        responses = []
        for mouse, part in rows:
            self._look(mouse, trials[part])
            responses.append(
                self._gather(mouse, trials[part], starts[part], video[part], behaviour[part])
            )
        return RawClips(video, behaviour, responses, rows)

    def _places(self, step: int) -> tuple[Indices, Indices, Indices]:
        """Mouse, trial and first frame of each clip, sorted by mouse."""
        uniform = np.random.default_rng((self.seed, step)).random((2, self.batch_size))
        first = step * self.batch_size
        mice = np.sort((first + np.arange(self.batch_size)) % len(self.pools))
        trials = (uniform[0] * self._trials[mice]).astype(np.int64)
        starts = uniform[1] * (self._lengths[self._first[mice] + trials] - self.width + 1)
        return mice, trials, starts.astype(np.int64)

    def _gather(
        self, mouse: int, trials: Indices, starts: Indices, video: Tensor, behaviour: Tensor
    ) -> Tensor:
        """Fill a mouse's clips of `video` and `behaviour`; its responses (b, T, N)."""
        pool = self.pools[mouse]
        offsets = starts[:, None] + np.arange(0, self.width, self.step)
        frames = self._index(pool.frames[trials][:, None] + offsets)
        rows = self._index(pool.rows[trials][:, None] + offsets)
        _select(pool.videos, frames, video)
        _select(pool.behaviour, frames, behaviour)
        shape = (len(trials), self._frames, pool.responses.shape[1])
        responses = self._empty(shape, pool.responses.dtype)
        _select(pool.responses, rows, responses)
        return responses

    def _look(self, mouse: int, trials: Indices) -> None:
        """Have trials looked at that no clip was drawn from before."""
        unseen = self._unseen[mouse]
        for trial in np.unique(trials[unseen[trials]]).tolist():
            self.pools[mouse].look(trial)
            unseen[trial] = False
            self._saw(mouse, int(self.pools[mouse].lengths[trial]))
        self._saw(mouse, len(trials) * self.width)

    def _saw(self, mouse: int, frames: int) -> None:
        """Keep the process small: pages stay in the system's cache, only not mapped here."""
        self._looked_at += frames * self._row_bytes[mouse]
        if self._looked_at > RESIDENT:
            self._looked_at = 0
            for pool in self.pools:
                pool.release()

    @property
    def _frames(self) -> int:
        return len(range(0, self.width, self.step))

    def _empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        device = self.pools[0].videos.device
        return torch.empty(shape, dtype=dtype, device=device, pin_memory=self.pinned)

    def _index(self, places: Indices) -> Tensor:
        return torch.from_numpy(places.ravel()).to(self.pools[0].videos.device, non_blocking=True)


def _select(source: Tensor, rows: Tensor, out: Tensor) -> None:
    """Copy these rows of `source` to `out` (b, T, ...), which may have another type."""
    flat = out.flatten(0, 1)
    if source.dtype != out.dtype:
        flat.copy_(source[rows])
    elif source.is_cpu:
        # As fast as torch's on one thread; torch's takes all cores, and waits where others use them.
        np.take(source.numpy(), rows.numpy(), axis=0, out=flat.numpy(), mode="clip")
    else:
        torch.index_select(source, 0, rows, out=flat)


def _slice_of(chosen: npt.NDArray[np.bool_]) -> slice:
    """The contiguous rows for which `chosen` is true."""
    places = np.flatnonzero(chosen)
    return slice(int(places[0]), int(places[-1]) + 1)
