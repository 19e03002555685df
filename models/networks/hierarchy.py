"""The hierarchical Gaussian readout: ever fewer virtual neurons, whose drives all neurons share.

In the manner of Dynamic-V1FM, second in SENSORIUM 2023, whose facts give the levels and say that
they are up-sampled and averaged. How is this project's choice: linearly along the neurons' axis, in
the recording's order, so that a virtual neuron of a coarse level serves neighbours in that order.
"""

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.attention import Size
from models.networks.gaussian import GaussianConfig, GaussianReadout, Shifter
from models.networks.network import Mouse
from models.networks.outputs import Activation, Magnitude


class HierarchicalConfig(GaussianConfig):
    """What the configurations of families with this readout share."""

    readout_levels: tuple[Size, ...] = Field(default=(1, 2, 4, 8, 16), min_length=1)
    """Each gives a Gaussian readout of N / level virtual neurons, rounded up."""


class HierarchicalReadout(nn.Module):
    """Features (b, C, T, H, W) of one mouse's clips -> drive (b, N, T), the mean over levels."""

    def __init__(self, config: HierarchicalConfig, channels: int, neurons: int) -> None:
        super().__init__()
        self.neurons = neurons
        counts = (math.ceil(neurons / level) for level in config.readout_levels)
        self.levels = nn.ModuleList(GaussianReadout(config, channels, count) for count in counts)

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """`shift` (b, T, 2) is added to all places."""
        drives = [spread(level(x, shift), self.neurons) for level in self.levels]
        return torch.stack(drives).mean(0)

    def penalty(self) -> Tensor:
        """The summed absolute feature weights of all levels."""
        levels = (level for level in self.levels if isinstance(level, GaussianReadout))
        return torch.stack([level.penalty() for level in levels]).sum()


class HierarchicalNeurons(nn.Module):
    """One mouse: features (b, C, T', H, W) and states (b, 4, T) -> responses (b, N, T).

    A feature map is of `step` frames, T' = T / step rounded up. The neurons are read, and the eye
    followed, once a feature map; drives between their middles are interpolated.
    """

    def __init__(
        self,
        config: HierarchicalConfig,
        channels: int,
        mouse: Mouse,
        activation: Activation,
        step: int = 1,
    ) -> None:
        super().__init__()
        self.step = step
        self.readout = HierarchicalReadout(config, channels, mouse.neurons)
        self.shifter = Shifter(config) if config.shifter_layers else None
        self.magnitude = Magnitude(config, mouse, activation)

    def forward(self, x: Tensor, states: Tensor, activation: Activation) -> Tensor:
        centre = slowed(states[:, 2:], self.step).transpose(1, 2)
        shift = None if self.shifter is None else self.shifter(centre)
        drive = quickened(self.readout(x, shift), self.step, states.shape[2])
        response: Tensor = self.magnitude(drive, activation)
        return response


def spread(drive: Tensor, neurons: int) -> Tensor:
    """(b, N, T) from (b, n, T): linear between virtual neurons, which lie evenly along the axis."""
    if drive.shape[1] == neurons:
        return drive
    across = F.interpolate(drive.transpose(1, 2), neurons, mode="linear")
    return across.transpose(1, 2)


def slowed(states: Tensor, step: int) -> Tensor:
    """(b, K, T / step rounded up) means over `step` frames each; the last frame goes on."""
    missing = -states.shape[2] % step
    return F.avg_pool1d(F.pad(states, (0, missing), mode="replicate"), step)


def quickened(drive: Tensor, step: int, frames: int) -> Tensor:
    """(b, N, frames) from one value for `step` frames each, linear between their middles."""
    if step == 1:
        return drive
    quick = F.interpolate(drive, scale_factor=float(step), mode="linear")
    return quick[..., :frames]
