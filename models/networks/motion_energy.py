"""A motion-energy model: learnt Adelson-Bergen units that all neurons and mice share.

Each unit has two pictures and two time courses, which give a quadrature pair of direction selective
filters; its energy forgets the phase, as complex cells do. Energies are normalised by their mean
over units, every neuron reads energies and filters with weights and a time course of its own.
(Adelson and Bergen, "Spatiotemporal energy models for the perception of motion", 1985.)

    video (B, T, H, W) -> units (B, U, T) twice -> features (B, 3 U, T)
    -> readout of each mouse (b, N, T), behaviour as in the linear-nonlinear model
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.blocks import causal_filter, standardised
from models.networks.network import Mouse
from models.networks.outputs import Activation, Magnitude, OutputConfig
from models.networks.readouts import BehaviourDrive, ReadoutNetwork


class MotionEnergyConfig(OutputConfig):
    """For recordings too small, or machines too slow, for deep networks."""

    family: Literal["motion_energy"] = "motion_energy"
    clip_frames: int = Field(default=90, ge=2)
    units: Annotated[int, Field(ge=1)] = 64
    """Quadrature pairs, U."""
    history: Annotated[int, Field(ge=1)] = 12
    """Frames a unit looks back."""
    response_history: Annotated[int, Field(ge=1)] = 20
    """Frames a neuron's own time course looks back: slow calcium wants more."""
    drop_rate: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Dropout of whole features before the readout."""


class MotionEnergy(ReadoutNetwork):
    """See the module's docstring."""

    windowed = False

    def __init__(
        self, config: MotionEnergyConfig, mice: Sequence[Mouse], size: tuple[int, int]
    ) -> None:
        super().__init__(config, mice)
        self.context = config.history + config.response_history - 2
        self.core = EnergyUnits(config, size)
        self.readouts = nn.ModuleList(
            EnergyReadout(config, mouse, self.activation) for mouse in mice
        )

    def features(self, video: Tensor, states: Tensor) -> Tensor:  # noqa: ARG002
        """(B, 3 U, T) energies and filters of each unit."""
        features: Tensor = self.core(standardised(video))
        return features


class EnergyUnits(nn.Module):
    """(B, T, H, W) -> (B, 3 U, T): normalised energies, and both filters of each unit."""

    def __init__(self, config: MotionEnergyConfig, size: tuple[int, int]) -> None:
        super().__init__()
        self.pictures = nn.Parameter(_gabor_pairs(config.units, size))  # (2 U, H * W)
        self.time_courses = nn.Parameter(_temporal_pairs(config.units, config.history))  # (2 U, L)
        self.floor = nn.Parameter(torch.zeros(()))

    def forward(self, frames: Tensor) -> Tensor:
        seen = (frames.flatten(2) @ self.pictures.T).transpose(1, 2)
        even_picture, odd_picture = seen.chunk(2, dim=1)
        even_time, odd_time = self.time_courses.chunk(2)
        even = causal_filter(even_picture, even_time) - causal_filter(odd_picture, odd_time)
        odd = causal_filter(even_picture, odd_time) + causal_filter(odd_picture, even_time)
        energy = torch.sqrt(even**2 + odd**2 + 1e-4)
        pool = F.softplus(self.floor) + energy.mean(1, keepdim=True)
        return torch.cat([energy, even, odd], dim=1) / pool


class EnergyReadout(nn.Module):
    """One mouse's neurons: features (b, 3 U, T), states (b, 4, T) -> responses (b, N, T)."""

    def __init__(self, config: MotionEnergyConfig, mouse: Mouse, activation: Activation) -> None:
        super().__init__()
        features = 3 * config.units
        self.dropout = nn.Dropout1d(config.drop_rate)
        self.weights = nn.Parameter(0.1 * torch.randn(mouse.neurons, features) / features**0.5)
        self.time_courses = nn.Parameter(_decay(mouse.neurons, config.response_history))
        self.behaviour = BehaviourDrive(mouse, config.response_history)
        self.magnitude = Magnitude(config, mouse, activation)

    def forward(self, features: Tensor, states: Tensor, activation: Activation) -> Tensor:
        read = torch.einsum("nf,bft->bnt", self.weights, self.dropout(features))
        added, gain = self.behaviour(states)
        response: Tensor = gain * self.magnitude(
            causal_filter(read, self.time_courses) + added, activation
        )
        return response


def _gabor_pairs(units: int, size: tuple[int, int]) -> Tensor:
    """(2 U, H * W): even pictures, then odd ones, at random places, scales and orientations."""
    height, width = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.rand(2, units, 1, 1) * torch.tensor([height, width]).view(2, 1, 1, 1)
    angle = torch.rand(units, 1, 1) * math.pi
    sigma = height * (0.08 + 0.17 * torch.rand(units, 1, 1))
    cycles = sigma * (2.0 + 2.0 * torch.rand(units, 1, 1))  # pixels a cycle
    dy, dx = y - place[0], x - place[1]
    phase = 2 * math.pi * (dx * angle.cos() + dy * angle.sin()) / cycles
    window = torch.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    pictures = torch.cat([window * phase.cos(), window * phase.sin()]).flatten(1)
    norms: Tensor = torch.linalg.vector_norm(pictures, dim=1, keepdim=True)
    return pictures / norms


def _temporal_pairs(units: int, history: int) -> Tensor:
    """(2 U, L): damped cosines, then sines, between standing and about 5 Hz at 30 frames a second."""
    lag = torch.arange(history - 1, -1, -1).float()
    frequency = torch.rand(units, 1) * 5.0 / 30.0
    window = (lag / 3) * torch.exp(1 - lag / 3)
    angle = 2 * math.pi * frequency * lag
    courses = torch.cat([window * angle.cos(), window * angle.sin()])
    norm: Tensor = torch.linalg.vector_norm(window)
    return courses / norm


def _decay(neurons: int, history: int) -> Tensor:
    """(N, L) decaying time courses that sum to 1."""
    course = torch.exp(-torch.arange(history - 1, -1, -1) / 4.0)
    return (course / course.sum()).repeat(neurons, 1)
