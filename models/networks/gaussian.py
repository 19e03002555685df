"""The Gaussian readout: each neuron reads the core's features at one learnt place.

Source: Lurz et al., "Generalization in data-driven models of primary visual cortex", ICLR 2021, with
the organisers' starting values. Places are (x, y) from -1, the first pixel's centre, to 1, the last's.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from models.networks.network import Mouse
from models.networks.outputs import Activation, Magnitude, OutputConfig
from models.networks.readouts import ReadoutNetwork

READ_AT_ONCE = 2**24
"""Interpolated features that are held at a time: 64 MiB."""


class GaussianConfig(OutputConfig):
    """What the configurations of families with this readout share."""

    place_range: float = Field(default=0.2, ge=0, le=1)
    """Places start uniformly within plus and minus this."""
    place_spread: float = Field(default=1.0, ge=0)
    """Standard deviation of the cloud that a place is drawn from while training, at the start."""
    shifter_layers: int = Field(default=3, ge=0)
    """Layers of the network that moves all places with the pupil; 0 is none."""
    shifter_features: int = Field(default=5, ge=1)
    feature_l1: float = Field(default=0.0, ge=0)
    """Weight of the summed absolute feature weights in the loss."""


class GaussianReadout(nn.Module):
    """Features (b, C, T, H, W) of one mouse's clips -> drive (b, N, T).

    While training, a neuron's place is drawn once a clip from a Gaussian with a full, learnt
    covariance; otherwise it is the mean. Feature maps are interpolated linearly, in single precision,
    since half a precision's places would be off by a tenth of a pixel. A place outside the frame
    reads the nearest point of its rim.
    """

    def __init__(self, config: GaussianConfig, channels: int, neurons: int) -> None:
        super().__init__()
        self.place = nn.Parameter(config.place_range * (2 * torch.rand(neurons, 2) - 1))
        self.spread = nn.Parameter(config.place_spread * torch.eye(2).repeat(neurons, 1, 1))
        self.features = nn.Parameter(torch.randn(neurons, channels) / channels)

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """`shift` (b, T, 2) is added to all places."""
        batch, channels, frames = x.shape[:3]
        places = self.places(batch)[:, None].expand(-1, frames, -1, -1)  # (b, T, N, 2)
        if shift is not None:
            places = places + shift[:, :, None].float()
        at_once = max(READ_AT_ONCE // (channels * len(self.features)), 1)
        maps = x.transpose(1, 2).flatten(0, 1).split(at_once)
        read = self._read_again if len(maps) > 1 and torch.is_grad_enabled() else self._read
        parts = zip(maps, places.flatten(0, 1).split(at_once), strict=True)
        drive: Tensor = torch.cat([read(*part) for part in parts]).unflatten(0, (batch, frames))
        return drive.transpose(1, 2)

    def places(self, clips: int) -> Tensor:
        """(clips, N, 2): drawn while training, means otherwise."""
        place = self.place.expand(clips, -1, -1)
        if self.training:
            noise = torch.randn_like(place)[..., None, :]
            # Not a matrix product, which autocast would round to half precision.
            place = place + (self.spread * noise).sum(-1)
        return place

    def penalty(self) -> Tensor:
        """The summed absolute feature weights."""
        return self.features.abs().sum()

    def _read_again(self, maps: Tensor, places: Tensor) -> Tensor:
        """`_read`, done again in the backward pass, since all frames' features fill the memory."""
        drive: Tensor = checkpoint(
            self._read, maps, places, use_reentrant=False, preserve_rng_state=False
        )
        return drive

    def _read(self, maps: Tensor, places: Tensor) -> Tensor:
        """(F, N) drive of F frames: maps (F, C, H, W), places (F, N, 2)."""
        seen = F.grid_sample(
            maps.float(), places[:, :, None], padding_mode="border", align_corners=True
        )  # (F, C, N, 1)
        return (seen[..., 0] * self.features.T).sum(1)


class Shifter(nn.Module):
    """Where the eye looks moves what a neuron sees: pupil centre (b, T, 2) -> shift (b, T, 2).

    The pupil's centre is in units of its standard deviation. Layers with tanh.
    """

    def __init__(self, config: GaussianConfig) -> None:
        super().__init__()
        hidden = [config.shifter_features] * (config.shifter_layers - 1)
        sizes = [2, *hidden, 2]
        layers = (nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.layers = nn.Sequential(*(part for layer in layers for part in (layer, nn.Tanh())))

    def forward(self, centre: Tensor) -> Tensor:
        shift: Tensor = self.layers(centre)
        return shift


class GaussianNeurons(nn.Module):
    """One mouse: features (b, C, T, H, W) and states (b, 4, T) -> responses (b, N, T)."""

    def __init__(
        self, config: GaussianConfig, channels: int, mouse: Mouse, activation: Activation
    ) -> None:
        super().__init__()
        self.readout = GaussianReadout(config, channels, mouse.neurons)
        self.shifter = Shifter(config) if config.shifter_layers else None
        self.magnitude = Magnitude(config, mouse, activation)

    def forward(self, x: Tensor, states: Tensor, activation: Activation) -> Tensor:
        shift = None if self.shifter is None else self.shifter(states[:, 2:].transpose(1, 2))
        response: Tensor = self.magnitude(self.readout(x, shift), activation)
        return response


class GaussianNetwork(ReadoutNetwork):
    """What families with this readout share: they add `features`, (B, C, T, H, W).

    A trial is predicted in one go: these networks filter over time, they do not look at a clip as a
    whole.
    """

    windowed = False

    def __init__(self, config: GaussianConfig, mice: Sequence[Mouse], channels: int) -> None:
        super().__init__(config, mice)
        self.feature_l1 = config.feature_l1
        self.readouts = nn.ModuleList(self.neurons(config, channels, mouse) for mouse in mice)

    def neurons(self, config: Any, channels: int, mouse: Mouse) -> nn.Module:
        """A mouse's readout: it has a `readout` that reads features of so many channels."""
        return GaussianNeurons(config, channels, mouse, self.activation)

    def penalty(self, mice: Sequence[int]) -> Tensor:
        """feature_l1 times the summed absolute feature weights of these mice."""
        total = super().penalty(mice)
        if self.feature_l1 > 0:
            for mouse in mice:
                total = total + self.feature_l1 * _penalty(self.readouts[mouse])
        return total


def _penalty(neurons: nn.Module) -> Tensor:
    readout: Any = neurons.readout
    penalty: Tensor = readout.penalty()
    return penalty
