"""Predictions for whole trials."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.networks.network import Network, NetworkConfig, width_of_clip


def window_starts(length: int, width: int, step: int, stride: int) -> list[int]:
    """First frames of the windows that cover a trial of `length` >= `width` + `step` - 1 frames.

    Windows take every `step`-th frame, so `step` neighbouring starts cover each frame once; such
    groups begin every `stride` frames, and one ends with the trial. A stride up to `step` gives a
    window at every start, the winner's way; one that would leave gaps counts as the largest that
    does not.
    """
    last = length - width
    stride = min(stride, width + step - 1)
    if stride <= step:
        return list(range(last + 1))
    groups = [*range(0, last - step + 1, stride), last - step + 1]
    return sorted({group + phase for group in groups for phase in range(step)})


class Predictor:
    """A trained network that predicts trials of any length, one at a time, in bounded memory."""

    def __init__(
        self, network: Network, config: NetworkConfig, stride: int = 1, batch_size: int = 32
    ) -> None:
        self.network = network.eval()
        self.width, self.step = width_of_clip(config), config.frame_step
        self.stride, self.batch_size = stride, batch_size

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def predict(
        self,
        video: Tensor | npt.NDArray[np.floating],
        behaviour: npt.NDArray[np.floating],
        mouse: int,
    ) -> npt.NDArray[np.float32]:
        """(N, T) responses of the mouse of this index to video (T, H, W), behaviour (4, T)."""
        frames = torch.as_tensor(video, dtype=torch.float32, device=self.device)
        states = torch.as_tensor(behaviour, dtype=torch.float32, device=self.device)
        if not self.network.windowed:
            return self._forward(frames[None], states[None], mouse)[0].cpu().numpy()
        return self._over_windows(frames, states, mouse).cpu().numpy()

    def _over_windows(self, frames: Tensor, states: Tensor, mouse: int) -> Tensor:
        """The mean over the windows that see a frame."""
        length = len(frames)
        frames, states = self._long_enough(frames, states)
        total: Tensor | float = 0.0
        count = torch.zeros(len(frames), device=frames.device)
        for starts in self._batches(len(frames)):
            offsets = torch.arange(0, self.width, self.step, device=frames.device)
            index = starts.to(frames.device)[:, None] + offsets  # (B, T)
            window = self._forward(frames[index], states[:, index].transpose(0, 1), mouse)
            flat = window.transpose(0, 1).flatten(1)  # (N, B * T)
            total = (
                window.new_zeros(len(flat), len(frames)).index_add_(1, index.flatten(), flat)
                + total
            )
            count += torch.bincount(index.flatten(), minlength=len(frames))
        return (total / count)[:, :length]

    def _long_enough(self, frames: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """A trial shorter than the windows need goes on with its last frame."""
        missing = self.width + self.step - 1 - len(frames)
        if missing <= 0:
            return frames, states
        last_frames = frames[-1:].expand(missing, -1, -1)
        last_states = states[:, -1:].expand(-1, missing)
        return torch.cat([frames, last_frames]), torch.cat([states, last_states], dim=1)

    def _batches(self, length: int) -> Iterator[Tensor]:
        starts = torch.tensor(window_starts(length, self.width, self.step, self.stride))
        yield from torch.split(starts, self.batch_size)

    def _forward(self, video: Tensor, behaviour: Tensor, mouse: int) -> Tensor:
        prediction: Tensor = self.network(video, behaviour, [(mouse, slice(None))])[0]
        return prediction.float()
