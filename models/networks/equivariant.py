"""Convolutions that see all orientations alike: their filters are rotated copies of a few.

A picture that is turned gives maps that are turned, and the orientations' maps change places: to
rounding for quarter turns, about for those between. (Cohen and Welling, "Group equivariant
convolutional networks", 2016.) Maps of K filters in R orientations are channels k * R + r.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RotatedConv(nn.Module):
    """(F, I * S, H, W) -> (F, K * R, H, W) with zeros beyond the rim.

    The inputs have S orientations: R, or 1 for pictures. A filter lies on a disc of P pixels, so that
    a turned one is as large; between quarter turns it is interpolated linearly.
    """

    turns: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int, rotations: int, oriented: bool
    ) -> None:
        super().__init__()
        turns = turned_pixels(kernel, rotations)
        self.register_buffer("turns", turns, persistent=False)  # (R, P, k, k)
        self.orientations = rotations if oriented else 1
        shape = (outputs, inputs, self.orientations, turns.shape[1])
        self.weight = nn.Parameter(torch.randn(shape) / math.prod(shape[1:]) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.filters(), padding=self.turns.shape[-1] // 2)

    def filters(self) -> Tensor:
        """(K * R, I * S, k, k): the filter of an orientation sees the others from itself on."""
        rotations, orientations = len(self.turns), self.orientations
        device = self.weight.device
        own = torch.arange(rotations, device=device)[:, None]
        seen = (torch.arange(orientations, device=device) - own) % orientations  # (R, S)
        filters = torch.einsum("kirsp,rphw->krishw", self.weight[:, :, seen], self.turns)
        return filters.flatten(2, 3).flatten(0, 1)


class EquivariantLayer(nn.Module):
    """A rotated convolution, batch normalisation that the orientations share, and ELU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, rotations: int, oriented: bool
    ) -> None:
        super().__init__()
        self.shape = (outputs, rotations)
        self.conv = RotatedConv(inputs, outputs, kernel, rotations, oriented)
        self.norm = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x).unflatten(1, self.shape))
        return F.elu(y).flatten(1, 2)


def turned_pixels(kernel: int, rotations: int) -> Tensor:
    """(R, P, k, k): each pixel of the disc of `kernel`, turned counter-clockwise by 1 / R turns.

    `rotations` is a multiple of 4: quarter turns move pixels without interpolating.
    """
    place = torch.arange(kernel, device="cpu") - kernel // 2
    disc = place[:, None] ** 2 + place**2 <= (kernel / 2) ** 2
    pixels = torch.eye(kernel**2, device="cpu")[disc.flatten()].unflatten(1, (1, kernel, kernel))
    between = [_turned(pixels, step / rotations) * disc for step in range(rotations // 4)]
    turns = [torch.rot90(part, quarter, (2, 3)) for quarter in range(4) for part in between]
    return torch.stack(turns)[:, :, 0]


def _turned(pictures: Tensor, turns: float) -> Tensor:
    """Pictures (F, C, H, H) turned counter-clockwise about their centre."""
    cosine, sine = math.cos(2 * math.pi * turns), math.sin(2 * math.pi * turns)
    inverse = torch.tensor([[[cosine, -sine, 0.0], [sine, cosine, 0.0]]], device="cpu")
    grid = F.affine_grid(inverse, [1, 1, *pictures.shape[2:]], align_corners=True)
    grid = grid.expand(len(pictures), -1, -1, -1)
    return F.grid_sample(pictures, grid, align_corners=True)
