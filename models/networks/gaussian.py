"""The Gaussian readout: each neuron reads the core's features at one learnt place.

Source: Lurz et al., "Generalization in data-driven models of primary visual cortex", ICLR 2021, with
the organisers' starting values. Places are (x, y) from -1, the first pixel's centre, to 1, the last's.
"""

import itertools

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.network import Mouse
from models.networks.outputs import Activation, Magnitude, OutputConfig


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
    covariance; otherwise it is the mean. Feature maps are interpolated linearly.
    """

    def __init__(self, config: GaussianConfig, channels: int, neurons: int) -> None:
        super().__init__()
        self.place = nn.Parameter(config.place_range * (2 * torch.rand(neurons, 2) - 1))
        self.spread = nn.Parameter(config.place_spread * torch.eye(2).repeat(neurons, 1, 1))
        self.features = nn.Parameter(torch.randn(neurons, channels) / channels)

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """`shift` (b, T, 2) is added to all places."""
        places = self.places(len(x))  # (b, N, 2)
        if shift is None:
            read = self._still(x, places)
        else:
            read = self._moving(x, places[:, None] + shift[:, :, None])
        drive: Tensor = torch.einsum("bcnt,nc->bnt", read, self.features.to(read.dtype))
        return drive

    def places(self, clips: int) -> Tensor:
        """(clips, N, 2): drawn while training, means otherwise, within the frame."""
        place = self.place.expand(clips, -1, -1)
        if self.training:
            noise = torch.randn_like(place)
            place = place + torch.einsum("nij,bnj->bni", self.spread, noise)
        return place.clamp(-1, 1)

    def penalty(self) -> Tensor:
        """The summed absolute feature weights."""
        return self.features.abs().sum()

    def _still(self, x: Tensor, places: Tensor) -> Tensor:
        """(b, C, N, T) with one place a clip."""
        batch, channels, frames = x.shape[:3]
        flat = x.flatten(1, 2)  # (b, C * T, H, W)
        read: Tensor = _sampled(flat, places[:, :, None])[..., 0]
        return read.reshape(batch, channels, frames, -1).transpose(2, 3)

    def _moving(self, x: Tensor, places: Tensor) -> Tensor:
        """(b, C, N, T) with places (b, T, N, 2)."""
        batch, _, frames = x.shape[:3]
        flat = x.transpose(1, 2).flatten(0, 1)  # (b * T, C, H, W)
        read: Tensor = _sampled(flat, places.flatten(0, 1)[:, :, None])[..., 0]  # (b * T, C, N)
        return read.reshape(batch, frames, *read.shape[1:]).permute(0, 2, 3, 1)


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


def _sampled(x: Tensor, places: Tensor) -> Tensor:
    """(b, C, N, 1) linear interpolation of (b, C, H, W) at (b, N, 1, 2); zero outside."""
    return F.grid_sample(x, places.to(x.dtype), align_corners=True)
