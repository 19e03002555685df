"""Smooth functions of space and time that filters are written in."""

import math

import torch
from torch import Tensor


def cosine_pictures(size: tuple[int, int], count: int) -> Tensor:
    """(K, H * W) two-dimensional cosines of unit length, orthogonal, the lowest frequencies first.

    K is `count`, or the number of pixels where that is smaller.
    """
    down, across = (_cosines(length) for length in size)
    pictures = torch.einsum("ih,jw->ijhw", down, across).flatten(0, 1).flatten(1)
    cycles = (torch.arange(length) / length for length in size)  # a pixel, halved
    frequency = torch.cartesian_prod(*cycles).square().sum(1)
    lowest: Tensor = pictures[frequency.argsort(stable=True)[:count]]
    return lowest


def bumps(count: int, history: int) -> Tensor:
    """(J, L) raised cosines over the logarithm of the lag, made orthogonal and of unit length.

    The last column meets the present frame. Source: Pillow et al., "Spatio-temporal correlations and
    visual signalling in a complete neuronal population", 2008.
    """
    time = torch.log1p(torch.arange(history) / 3)
    step = math.log1p(max(history - 1, 1) / 3) / count
    apart = (time / step - torch.arange(count)[:, None]) / 2  # a bump is as wide as four steps
    raised = torch.where(apart.abs() < 1, 1 + torch.cos(math.pi * apart), 0.0)
    courses: Tensor = torch.linalg.qr(raised.T)[0].T.flip(1).contiguous()
    return courses


def _cosines(length: int) -> Tensor:
    """(n, n) the discrete cosine transform's rows, of unit length."""
    place = torch.arange(length) + 0.5
    rows = torch.cos(math.pi * torch.outer(torch.arange(length), place) / length)
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / norms
