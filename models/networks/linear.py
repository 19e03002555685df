"""A linear-nonlinear model: the floor that every search is measured against.

Each neuron has a few filters that are products of a picture and a time course, a time course for
each behaviour channel, and a softplus. No neuron shares anything with another.
(Chichilnisky, "A simple white noise analysis of neuronal light responses", 2001.)

    video (B, T, H, W) -> pictures (B, N * R, T) -> time courses, sum over R -> drive (B, N, T)
    behaviour (B, 4, T), standardised -> time courses -> drive (B, N, T) and gain (B, N, T)
    response = gain * std * activation(drive)
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.networks.blocks import Standardised, causal_filter, standardised
from models.networks.network import Mouse, Network, Rows
from models.networks.outputs import Activation, Magnitude, OutputConfig
from models.networks.readouts import BehaviourDrive


class LinearConfig(OutputConfig):
    """Good within a minute on a CPU for a few hundred neurons."""

    family: Literal["linear"] = "linear"
    clip_frames: int = Field(default=60, ge=2)
    filters: Annotated[int, Field(ge=1)] = 2
    """Separable filters a neuron, R."""
    history: Annotated[int, Field(ge=1)] = 15
    """Frames a filter looks back."""


class Linear(Network):
    """See the module's docstring."""

    windowed = False

    def __init__(self, config: LinearConfig, mice: Sequence[Mouse], size: tuple[int, int]) -> None:
        super().__init__()
        self.context = config.history - 1
        self.standardised = Standardised(mice)
        self.activation = Activation(config)
        self.readouts = nn.ModuleList(
            LinearNeurons(config, mouse, size, self.activation) for mouse in mice
        )

    def states(self, behaviour: Tensor, rows: Rows) -> Tensor:
        standard: Tensor = self.standardised(behaviour, rows)
        return standard

    def features(self, video: Tensor, states: Tensor) -> Tensor:  # noqa: ARG002
        """(B, T, H * W) standardised frames."""
        return standardised(video).flatten(2)

    def read(self, mouse: int, features: Tensor, states: Tensor) -> Tensor:
        response: Tensor = self.readouts[mouse](features, states, self.activation)
        return response


class LinearNeurons(nn.Module):
    """All neurons of one mouse: (b, T, H * W) and (b, 4, T) -> (b, N, T)."""

    def __init__(
        self, config: LinearConfig, mouse: Mouse, size: tuple[int, int], activation: Activation
    ) -> None:
        super().__init__()
        self.filters = config.filters
        pixels, filters = size[0] * size[1], mouse.neurons * config.filters
        self.pictures = nn.Parameter(0.01 * torch.randn(filters, pixels))
        self.time_courses = nn.Parameter(_time_courses(filters, config.history))
        self.behaviour = BehaviourDrive(mouse, config.history)
        self.magnitude = Magnitude(config, mouse, activation)

    def forward(self, frames: Tensor, states: Tensor, activation: Activation) -> Tensor:
        # Divided by the square root of the pixels, so that one learning rate suits frames of any size.
        seen = (frames @ self.pictures.T / frames.shape[2] ** 0.5).transpose(1, 2)  # (b, N * R, T)
        filtered = causal_filter(seen, self.time_courses)
        batch, _, frames_seen = filtered.shape
        drive = filtered.reshape(batch, -1, self.filters, frames_seen).sum(2)
        added, gain = self.behaviour(states)
        response: Tensor = gain * self.magnitude(drive + added, activation)
        return response


def _time_courses(count: int, history: int) -> Tensor:
    """(count, history) transient time courses of two speeds, each with a little noise."""
    lag = torch.arange(history - 1, -1, -1).float()
    peak = torch.where(torch.arange(count) % 2 == 0, 3.0, 6.0)[:, None]
    course = (lag / peak) * torch.exp(1 - lag / peak)
    unit: Tensor = course / torch.linalg.vector_norm(course, dim=1, keepdim=True)
    return unit + 0.02 * torch.randn(count, history)
