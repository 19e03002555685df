"""Training batches: random clips, mice spread evenly, a function of seed and step alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import RecordingError
from models.networks.network import NetworkConfig, Rows, width_of_clip
from models.recordings.trials import Trial

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ClipBatch:
    """B clips of T frames, sorted by mouse."""

    video: Tensor  # (B, T, H, W) grey values 0..255
    behaviour: Tensor  # (B, 4, T)
    responses: list[Tensor]  # (b, N, T) of each mouse in `rows`
    rows: Rows

    def to(self, device: torch.device) -> "ClipBatch":
        """The same clips on a device."""
        responses = [part.to(device, non_blocking=True) for part in self.responses]
        video = self.video.to(device, non_blocking=True)
        return ClipBatch(video.float(), self.behaviour.to(device), responses, self.rows)


class ClipSampler:
    """Draws batches from the trials of each mouse; a mouse without a long enough trial is an error."""

    def __init__(
        self, trials: Sequence[Sequence[Trial]], network: NetworkConfig, batch_size: int, seed: int
    ) -> None:
        self.width, self.step = width_of_clip(network), network.frame_step
        self.trials = [[t for t in of_mouse if t.length >= self.width] for of_mouse in trials]
        self.batch_size, self.seed = batch_size, seed
        if any(not of_mouse for of_mouse in self.trials):
            message = f"a clip spans {self.width} frames, but no training trial of some mouse does"
            raise RecordingError(message, "Lower network.clip_frames or network.frame_step.")

    def batch(self, step: int) -> ClipBatch:
        """The batch of a training step."""
        random = np.random.default_rng((self.seed, step))
        first = step * self.batch_size
        mice = np.sort((first + np.arange(self.batch_size)) % len(self.trials))
        clips = [self._clip(int(mouse), random) for mouse in mice]
        rows = [(int(mouse), _slice_of(mice == mouse)) for mouse in np.unique(mice)]
        responses = [np.stack([clip[2] for clip in clips[part]]) for _, part in rows]
        return ClipBatch(
            video=torch.from_numpy(np.stack([clip[0] for clip in clips])),
            behaviour=torch.from_numpy(np.stack([clip[1] for clip in clips])),
            responses=[torch.from_numpy(part) for part in responses],
            rows=rows,
        )

    def _clip(self, mouse: int, random: np.random.Generator) -> tuple[Array, Array, Array]:
        trial = self.trials[mouse][random.integers(len(self.trials[mouse]))]
        start = random.integers(trial.length - self.width + 1)
        frames = slice(start, start + self.width, self.step)
        return trial.video[frames], trial.behaviour[:, frames], trial.responses[:, frames]


def _slice_of(chosen: npt.NDArray[np.bool_]) -> slice:
    """The contiguous rows for which `chosen` is true."""
    places = np.flatnonzero(chosen)
    return slice(int(places[0]), int(places[-1]) + 1)


def cutmix(batch: ClipBatch, probability: float, alpha: float) -> ClipBatch:
    """CutMix within each mouse: with `probability` a clip gets a box of another clip's film.

    The box has a random place and a share of the area drawn from Beta(alpha, alpha); behaviour and
    responses are mixed in the proportion of the areas. Draws from torch's global generator.
    (Yun et al., 2019; the same box in all frames of a clip.)
    """
    video, behaviour = batch.video.clone(), batch.behaviour.clone()
    responses = []
    for (_, rows), response in zip(batch.rows, batch.responses, strict=True):
        partner = torch.randperm(len(response))
        share = torch.ones(len(response), 1, 1, device=response.device)
        for index in torch.nonzero(torch.rand(len(response)) < probability).flatten().tolist():
            box, share[index] = _box(video.shape[-2:], alpha)
            other = batch.video[rows][partner[index]]
            video[rows][index][:, box[0], box[1]] = other[:, box[0], box[1]]
        responses.append(share * response + (1 - share) * response[partner])
        behaviour[rows] = share * behaviour[rows] + (1 - share) * batch.behaviour[rows][partner]
    return ClipBatch(video, behaviour, responses, batch.rows)


def _box(size: torch.Size, alpha: float) -> tuple[tuple[slice, slice], float]:
    """A box in (height, width), and the share of the area outside it."""
    side = float(torch.distributions.Beta(alpha, alpha).sample()) ** 0.5
    slices, inside = [], 1.0
    for length in size:
        half, centre = side * length / 2, float(torch.rand(())) * length
        low, high = max(round(centre - half), 0), min(round(centre + half), length)
        slices.append(slice(low, max(high, low)))
        inside *= max(high - low, 0) / length
    return (slices[0], slices[1]), 1 - inside
