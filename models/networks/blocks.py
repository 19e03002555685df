"""Parts that video networks share. Shapes: B clips, C channels, T frames, H height, W width."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.network import Mouse, Rows


class SpatialDepthwise(nn.Conv3d):
    """Depth-wise convolution over space, one frame at a time: (B, C, T, H, W) -> (B, C, T, H', W').

    Computed as a 2-D convolution of B * T frames with channels last, which on a CPU takes less than
    half the time of Conv3d. The weight keeps the shape of the 3-D one, (C, 1, 1, k, k).
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(channels, channels, (1, kernel, kernel), groups=channels, bias=False)
        self.spatial_stride = stride

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, frames, *size = x.shape
        flat = x.transpose(1, 2).reshape(batch * frames, channels, *size)
        flat = flat.contiguous(memory_format=torch.channels_last)
        weight = self.weight[:, :, 0]
        padding = weight.shape[-1] // 2
        y = F.conv2d(flat, weight, stride=self.spatial_stride, padding=padding, groups=channels)
        return y.reshape(batch, frames, channels, *y.shape[-2:]).transpose(1, 2)


class TemporalDepthwise(nn.Conv3d):
    """Depth-wise convolution over time with zeros beyond the ends: (B, C, T, H, W), same shape out.

    Up to `LONGEST_BANDED` frames it is one matrix product a channel with the banded (T, T) matrix of
    the taps, on a CPU a quarter of the time of Conv3d; beyond, a 2-D convolution over (T, H * W).
    The weight keeps the shape of the 3-D one, (C, 1, k, 1, 1).
    """

    LONGEST_BANDED = 32

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(channels, channels, (kernel, 1, 1), groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, frames, height, width = x.shape
        flat = x.reshape(batch, channels, frames, height * width)
        if frames <= self.LONGEST_BANDED:
            y = self._banded(frames) @ flat
        else:
            kernel = self.weight.shape[2]
            y = F.conv2d(flat, self.weight[..., 0], padding=(kernel // 2, 0), groups=channels)
        return y.reshape(x.shape)

    def _banded(self, frames: int) -> Tensor:
        """(C, T, T): row t holds the taps that make frame t."""
        channels, kernel = self.weight.shape[0], self.weight.shape[2]
        taps = self.weight.view(channels, kernel)
        band = taps.new_zeros(channels, frames, frames + kernel - 1)
        rows = band.as_strided(
            (channels, frames, kernel), (band.stride(0), band.stride(1) + 1, 1)
        )  # the diagonal band of every channel, as a view
        rows.copy_(taps[:, None].expand(-1, frames, -1))
        return band[:, :, kernel // 2 : kernel // 2 + frames]


class DropPath(nn.Module):
    """Leaves a residual branch out for whole clips, and scales the others up to keep the mean."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)


class PositionEncoding(nn.Module):
    """Adds sines and cosines of the place in time, height and width; a third of the channels each."""

    frequencies: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        third = -(-channels // 6) * 2  # an even number of channels for each axis, cut at the end
        exponents = torch.arange(0, third, 2).float() / third
        self.channels = channels
        self.register_buffer("frequencies", 1.0 / 10000**exponents)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.encoding(x.shape[2:]).to(x.dtype)

    def encoding(self, sizes: Sequence[int]) -> Tensor:
        """(C, T, H, W) for these sizes of the last three axes."""
        waves = []
        for axis, size in enumerate(sizes):
            angles = torch.arange(size, device=self.frequencies.device).outer(self.frequencies)
            wave = torch.cat([angles.sin(), angles.cos()], dim=1).T  # (third, size)
            shape = [len(wave), 1, 1, 1]
            shape[axis + 1] = size
            waves.append(wave.reshape(shape).expand(-1, *sizes))
        return torch.cat(waves)[: self.channels]


def causal_filter(x: Tensor, taps: Tensor) -> Tensor:
    """Filter each channel with its own time course: (B, C, T), (C, L) -> (B, C, T).

    The last tap meets the present frame. Before the clip's start its first frame is assumed.
    """
    padded = F.pad(x, (taps.shape[1] - 1, 0), mode="replicate")
    return F.conv1d(padded, taps[:, None], groups=len(taps))


def standardised(video: Tensor) -> Tensor:
    """Grey values 0..255 in units of the competition's films: mean 79, standard deviation 57."""
    return (video - 79.0) / 57.0


class Standardised(nn.Module):
    """Behaviour in units of each mouse's training trials: (B, 4, T) -> (B, 4, T), within 5 of 0."""

    mean: Tensor
    std: Tensor

    def __init__(self, mice: Sequence[Mouse]) -> None:
        super().__init__()
        self.register_buffer("mean", _stacked(mouse.behaviour_mean for mouse in mice))
        std = _stacked(mouse.behaviour_std for mouse in mice)
        self.register_buffer("std", std.clamp(min=1e-6))

    def forward(self, behaviour: Tensor, rows: Rows) -> Tensor:
        parts = [(behaviour[part] - self.mean[mouse]) / self.std[mouse] for mouse, part in rows]
        return torch.cat(parts).clamp(-5, 5)


def _stacked(values: Iterable[npt.NDArray[np.float32]]) -> Tensor:
    """(M, 4, 1), one of four values a mouse."""
    return torch.from_numpy(np.stack([*values]))[:, :, None]


def with_planes(video: Tensor, states: Tensor) -> Tensor:
    """(B, 1 + K, T, H, W): the film (B, T, H, W), and a plane filled with each state (B, K, T)."""
    planes = states[..., None, None].expand(*states.shape, *video.shape[-2:])
    return torch.cat([video[:, None], planes], dim=1)
