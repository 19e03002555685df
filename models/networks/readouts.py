"""From features to neurons."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.blocks import Standardised
from models.networks.network import Mouse, Network, Rows
from models.networks.outputs import Activation, OutputConfig


class ReadoutNetwork(Network):
    """What most families share: behaviour is standardised by mouse, and readouts end in an activation.

    They add `features`, and `readouts` that take (features, states, activation).
    """

    def __init__(self, config: OutputConfig, mice: Sequence[Mouse]) -> None:
        super().__init__()
        self.standardised = Standardised(mice)
        self.activation = Activation(config)

    def states(self, behaviour: Tensor, rows: Rows) -> Tensor:
        standard: Tensor = self.standardised(behaviour, rows)
        return standard

    def read(self, mouse: int, features: Tensor, states: Tensor) -> Tensor:
        response: Tensor = self.readouts[mouse](features, states, self.activation)
        return response


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


class BehaviourDrive(nn.Module):
    """What behaviour adds to and multiplies a neuron's response: (b, 4, T) -> twice (b, N, T).

    The first result has a time course for each of four standardised channels, the second is a gain
    between 0 and 2 that starts at 1.
    """

    def __init__(self, mouse: Mouse, history: int) -> None:
        super().__init__()
        self.added = nn.Parameter(torch.zeros(mouse.neurons, 4, history))
        self.gain = nn.Parameter(torch.zeros(mouse.neurons, 4))

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        padded = F.pad(states, (self.added.shape[2] - 1, 0), mode="replicate")
        added = F.conv1d(padded, self.added)
        gain = 2 * torch.sigmoid(torch.einsum("nk,bkt->bnt", self.gain, states))
        return added, gain
