"""From features to neurons, and from drive to responses."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.network import Mouse


class Softplus(nn.Module):
    """softplus(beta * x) / beta: the response to a drive, never negative."""

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, drive: Tensor) -> Tensor:
        return F.softplus(drive, beta=self.beta)


def softplus_drive(response: Tensor, beta: float = 1.0) -> Tensor:
    """The drive whose softplus is `response`; responses below 1e-4 / beta count as that."""
    scaled = (response * beta).clamp(min=1e-4)
    return (scaled + torch.log(-torch.expm1(-scaled))) / beta


class GroupedReadout(nn.Module):
    """DwiseNeuro's readout of one mouse: dropout of whole features, grouped point-wise convolution.

    (B, C, T) -> (B, N, T). Outputs are made up to a multiple of `groups` and the surplus is cut.
    """

    def __init__(self, features: int, neurons: int, groups: int, drop_rate: float) -> None:
        super().__init__()
        self.neurons = neurons
        self.dropout = nn.Dropout1d(drop_rate)
        self.conv = nn.Conv1d(features, math.ceil(neurons / groups) * groups, 1, groups=groups)

    def forward(self, features: Tensor) -> Tensor:
        drive: Tensor = self.conv(self.dropout(features))
        return drive[:, : self.neurons]


class ScaledOutput(nn.Module):
    """std * softplus(drive + bias) per neuron, starting at the neuron's mean: (b, N, T), same out."""

    scale: Tensor

    def __init__(self, mouse: Mouse) -> None:
        super().__init__()
        scale = torch.from_numpy(mouse.response_std).clamp(min=1e-3)
        self.register_buffer("scale", scale)
        self.bias = nn.Parameter(softplus_drive(torch.from_numpy(mouse.response_mean) / scale))

    def forward(self, drive: Tensor) -> Tensor:
        return self.scale[:, None] * F.softplus(drive + self.bias[:, None])


class BehaviourDrive(nn.Module):
    """What behaviour adds to and multiplies a neuron's response: (b, 4, T) -> twice (b, N, T).

    The four channels are standardised with the mouse's own means; the first result has a time
    course for each channel, the second is a gain between 0 and 2 that starts at 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mouse: Mouse, history: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mouse.behaviour_mean)[:, None])
        self.register_buffer("std", torch.from_numpy(mouse.behaviour_std)[:, None].clamp(min=1e-6))
        self.added = nn.Parameter(torch.zeros(mouse.neurons, 4, history))
        self.gain = nn.Parameter(torch.zeros(mouse.neurons, 4))

    def forward(self, behaviour: Tensor) -> tuple[Tensor, Tensor]:
        state = ((behaviour - self.mean) / self.std).clamp(-5, 5)
        padded = F.pad(state, (self.added.shape[2] - 1, 0), mode="replicate")
        added = F.conv1d(padded, self.added)
        gain = 2 * torch.sigmoid(torch.einsum("nk,bkt->bnt", self.gain, state))
        return added, gain
