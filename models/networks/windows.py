"""Attention within windows of time, height and width, with a bias for each distance between tokens.

Source: Liu et al., "Video Swin Transformer", CVPR 2022.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.networks.attention import attend

Window = tuple[int, int, int]
"""Tokens in time, height and width."""


class RelativeBias(nn.Module):
    """What is added to the scores of a window's tokens, by how far apart they are on each axis."""

    index: Tensor

    def __init__(self, window: Window, heads: int) -> None:
        super().__init__()
        self.window = window
        spans = [2 * size - 1 for size in window]
        self.table = nn.Parameter(torch.zeros(spans[0] * spans[1] * spans[2], heads))
        axes = torch.meshgrid(*(torch.arange(size) for size in window), indexing="ij")
        places = torch.stack(axes, dim=-1).flatten(0, 2)  # (L, 3)
        apart = places[:, None] - places + torch.tensor(window) - 1  # (L, L, 3)
        index = (apart[..., 0] * spans[1] + apart[..., 1]) * spans[2] + apart[..., 2]
        self.register_buffer("index", index, persistent=False)

    def forward(self, sizes: Sequence[int]) -> Tensor:
        """(heads, L, L) for a window of these sizes, at most the full window's."""
        part = tuple(slice(size) for size in sizes)
        index = self.index.view(*self.window, *self.window)[part + part]
        count = math.prod(sizes)
        bias: Tensor = self.table[index.flatten()].view(count, count, -1).permute(2, 0, 1)
        return bias


class WindowAttention(nn.Module):
    """Attention within windows: (B, T, H, W, C), same shape out.

    Windows begin at the first token, or half a window before it if shifted. One that reaches beyond
    an edge is smaller, so no token attends to padding; windows of one size are computed at once.
    """

    def __init__(
        self, channels: int, heads: int, window: Window, shifted: bool, drop_rate: float
    ) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.shifted, self.drop_rate = shifted, drop_rate
        self.project = nn.Linear(channels, 3 * channels)
        self.merge = nn.Linear(channels, channels)
        self.bias = RelativeBias(window, heads)

    def forward(self, x: Tensor) -> Tensor:
        merged: Tensor = self.merge(self._divided(self.project(x), axis=1))
        return merged

    def _divided(self, x: Tensor, axis: int) -> Tensor:
        """Divide this axis and those after it, attend, and join the parts: (B, T, H, W, 3 C)."""
        if axis == 4:
            return self._within(x)
        lengths = parts_of(x.shape[axis], self.window[axis - 1], self.shifted)
        return torch.cat([self._divided(part, axis + 1) for part in x.split(lengths, axis)], axis)

    def _within(self, x: Tensor) -> Tensor:
        """(B, T, H, W, 3 C) -> (B, T, H, W, C), of whole windows or one smaller on each axis."""
        batch, *lengths = x.shape[:4]
        sizes = [min(pair) for pair in zip(lengths, self.window, strict=True)]
        counts = [length // size for length, size in zip(lengths, sizes, strict=True)]
        pairs = [number for pair in zip(counts, sizes, strict=True) for number in pair]
        apart = x.reshape(batch, *pairs, -1).permute(0, 1, 3, 5, 2, 4, 6, 7)
        attended = attend(
            apart.reshape(-1, math.prod(sizes), x.shape[4]),
            self.heads,
            bias=self.bias(sizes),
            drop_rate=self.drop_rate if self.training else 0.0,
        )
        together = attended.reshape(batch, *counts, *sizes, -1).permute(0, 1, 4, 2, 5, 3, 6, 7)
        return together.reshape(*x.shape[:4], -1)


def parts_of(length: int, window: int, shifted: bool) -> list[int]:
    """Lengths of an axis's parts: before the first whole window, all whole ones, the rest."""
    if length <= window:
        return [length]
    first = window - window // 2 if shifted and window > 1 else 0
    rest = (length - first) % window
    return [part for part in (first, length - first - rest, rest) if part]
