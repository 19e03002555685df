"""The organisers' recurrent baseline: a rotation-equivariant 2-D core, then a convolutional GRU.

video (B, T, H, W), behaviour (B, 4, T)
  -> film (B, 5, T, H, W)         standardised, behaviour filling a plane a channel
  -> core (B * T, K * R, H, W)    of each frame alone
  -> recurrent (B, C, T, H', W')  remembers the frames before, from zero on
  -> readout of each mouse (b, N, T) at a place a neuron, ELU + 1
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.blocks import standardised, with_planes
from models.networks.equivariant import EquivariantLayer
from models.networks.gaussian import GaussianConfig, GaussianNetwork
from models.networks.network import Mouse
from models.networks.outputs import Nonlinearity


class GruConfig(GaussianConfig):
    """The organisers' configuration is the default, where it is known: 8 rotations, 8 filters, 64."""

    family: Literal["gru"] = "gru"
    clip_frames: int = Field(default=80, ge=2)
    output: Nonlinearity = "elu"
    rotations: Literal[4, 8, 16] = 8
    """Orientations of each filter of the core, R."""
    filters: int = Field(default=8, ge=1)
    """Filters of each layer of the core, K."""
    core_kernels: tuple[Annotated[int, Field(ge=1)], ...] = (11, 5, 5)
    """Pixels, odd, one entry a layer. Chosen here: the organisers' are not known."""
    channels: int = Field(default=64, ge=1)
    """Of the recurrent part, C."""
    recurrent_kernel: Literal[1, 3, 5, 7] = 3
    """Pixels; chosen here."""
    pooling: int = Field(default=1, ge=1)
    """The core's maps are averaged over squares of so many pixels before the recurrent part, which
    costs the square of it less; chosen here."""
    warm_up: int = Field(default=20, ge=0)
    """Frames at the start of a clip that are not trained on, since the state begins at zero; chosen
    here."""

    @model_validator(mode="after")
    def _check_core(self) -> "GruConfig":
        problems = []
        if not self.core_kernels or any(kernel % 2 == 0 for kernel in self.core_kernels):
            kernels = list(self.core_kernels)
            problems.append(f"core_kernels are odd, one a layer, at least one; found {kernels}")
        if self.warm_up >= self.clip_frames:
            frames = f"{self.warm_up} and {self.clip_frames}"
            problems.append(f"warm_up is below clip_frames; found {frames}")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ConvGru(nn.Module):
    """Frames (B, T, I, H, W) -> states (B, C, T, H, W), single precision, causal.

    Gates as in torch.nn.GRU, matrices replaced by convolutions. What the frames say to the gates is
    computed for all frames at once; only what the state says is left for the loop.
    """

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.channels = channels
        self.seen = nn.Conv2d(inputs, 3 * channels, kernel, padding=kernel // 2)
        self.held = nn.Conv2d(channels, 3 * channels, kernel, padding=kernel // 2, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        batch, count, _, *size = frames.shape
        seen: Tensor = self.seen(frames.flatten(0, 1)).unflatten(0, (batch, count))
        state = torch.zeros(batch, self.channels, *size, device=frames.device)
        states = []
        for frame in seen.unbind(1):
            state = self.step(frame, state)
            states.append(state)
        return torch.stack(states, dim=2)

    def step(self, seen: Tensor, state: Tensor) -> Tensor:
        """The next state: seen (B, 3 C, H, W), state (B, C, H, W)."""
        reset_seen, update_seen, new_seen = seen.chunk(3, dim=1)
        reset_held, update_held, new_held = self.held(state).chunk(3, dim=1)
        reset = torch.sigmoid(reset_seen + reset_held)
        update = torch.sigmoid(update_seen + update_held)
        new = torch.tanh(new_seen + reset * new_held)
        return new + update * (state - new)


class Gru(GaussianNetwork):
    """See the module's docstring. Its memory has no end; after `warm_up` frames it hardly matters."""

    def __init__(
        self,
        config: GruConfig,
        mice: Sequence[Mouse],
        size: tuple[int, int],  # noqa: ARG002
    ) -> None:
        super().__init__(config, mice, config.channels)
        self.context = config.warm_up
        self.pooling = config.pooling
        maps = config.filters * config.rotations
        self.core = _core(config)
        self.recurrent = ConvGru(maps, config.channels, config.recurrent_kernel)

    def features(self, video: Tensor, states: Tensor) -> Tensor:
        """(B, C, T, H', W')."""
        film = with_planes(standardised(video), states).transpose(1, 2)  # (B, T, 5, H, W)
        maps = F.avg_pool2d(self.core(film.flatten(0, 1)), self.pooling, ceil_mode=True)
        features: Tensor = self.recurrent(maps.unflatten(0, film.shape[:2]))
        return features


def _core(config: GruConfig) -> nn.Sequential:
    """(F, 5, H, W) -> (F, K * R, H, W)."""
    layers = [
        EquivariantLayer(
            inputs=5 if layer == 0 else config.filters,
            outputs=config.filters,
            kernel=kernel,
            rotations=config.rotations,
            oriented=layer > 0,
        )
        for layer, kernel in enumerate(config.core_kernels)
    ]
    return nn.Sequential(*layers)
