"""The organisers' factorised baseline: 3-D convolutions, each a spatial and then a temporal one.

    video (B, T, H, W), behaviour (B, 4, T)
      -> film (B, 5, T, H, W)      standardised, behaviour filling a plane a channel
      -> core (B, C, T, H', W')    a layer: spatial (1, k, k), temporal (k, 1, 1), norm, ELU
      -> readout of each mouse (b, N, T) at a place a neuron, ELU + 1

Every layer keeps the number of frames: beyond the ends its first or last frame is assumed. It also
keeps the frame's size (divided by the stride), with grey, which is 0, beyond the rim: so a place from
-1 to 1 is a place on the whole frame whatever the kernels are, and small frames survive large kernels.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.blocks import standardised, with_planes
from models.networks.gaussian import GaussianConfig, GaussianNetwork
from models.networks.network import Mouse
from models.networks.outputs import Nonlinearity

Size = Annotated[int, Field(ge=1)]


class FactorizedConfig(GaussianConfig):
    """The organisers' configuration is the default, where it is known."""

    family: Literal["factorized"] = "factorized"
    clip_frames: int = Field(default=80, ge=1)
    output: Nonlinearity = "elu"
    channels: tuple[Size, ...] = (32, 64, 128)
    """Output channels of each layer."""
    spatial_kernels: tuple[Size, ...] = (11, 5, 5)
    """Pixels, odd."""
    temporal_kernels: tuple[Size, ...] = (11, 5, 5)
    """Frames."""
    spatial_strides: tuple[Size, ...] = (1, 1, 1)
    """Above 1 for slow machines; later layers cost the square of it less."""
    causal: bool = True
    """Whether a response depends on past frames alone; otherwise kernels are centred."""
    batch_norm: bool = True
    """Normalise each layer before its ELU. Chosen here: the organisers' use of it is not known."""
    behaviour_planes: bool = True
    """Whether the core sees behaviour as channels of the film; also chosen here."""
    laplace_spatial: float = Field(default=10.0, ge=0)
    """Weight of the first layer's spatial roughness in the loss. The organisers' weights; the exact
    form of their term is not known, so see `roughness` for what is weighted."""
    laplace_temporal: float = Field(default=0.01, ge=0)

    @model_validator(mode="after")
    def _check_layers(self) -> "FactorizedConfig":
        problems = [*self._uneven(), *self._even(), *self._too_long()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _uneven(self) -> list[str]:
        names = ("channels", "spatial_kernels", "temporal_kernels", "spatial_strides")
        counts = [len(getattr(self, name)) for name in names]
        if min(counts) == max(counts) > 0:
            return []
        found = ", ".join(map(str, counts))
        return [f"{', '.join(names)} have one entry a layer, at least one; found {found}"]

    def _even(self) -> list[str]:
        even = [kernel for kernel in self.spatial_kernels if kernel % 2 == 0]
        return [f"spatial_kernels are odd; found {even}"] if even else []

    def _too_long(self) -> list[str]:
        frames = sum(kernel - 1 for kernel in self.temporal_kernels)
        if frames < self.clip_frames:
            return []
        return [
            f"clip_frames is above the {frames} frames that temporal_kernels reach over; "
            f"found {self.clip_frames}"
        ]


class FactorizedLayer(nn.Module):
    """(B, C, T, H, W) -> (B, C', T, H / stride, W / stride)."""

    def __init__(self, config: FactorizedConfig, layer: int, inputs: int) -> None:
        super().__init__()
        outputs, kernel = config.channels[layer], config.spatial_kernels[layer]
        frames, stride = config.temporal_kernels[layer], config.spatial_strides[layer]
        self.lookahead = 0 if config.causal else (frames - 1) // 2
        self.context = frames - 1 - self.lookahead
        self.spatial = nn.Conv3d(
            inputs,
            outputs,
            (1, kernel, kernel),
            stride=(1, stride, stride),
            padding=(0, kernel // 2, kernel // 2),
            bias=False,  # the next convolution's does
        )
        self.temporal = nn.Conv3d(outputs, outputs, (frames, 1, 1), bias=not config.batch_norm)
        self.norm = nn.BatchNorm3d(outputs) if config.batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.pad(self.spatial(x), (0, 0, 0, 0, self.context, self.lookahead), mode="replicate")
        return F.elu(self.norm(self.temporal(y)))

    def roughness(self) -> tuple[Tensor, Tensor]:
        """That of the spatial filters (1, k, k), and of the temporal ones (k, 1, 1)."""
        spatial, temporal = self.spatial.weight, self.temporal.weight
        return roughness(spatial.flatten(0, 2)), roughness(temporal.flatten(0, 1)[..., 0, 0])


class Factorized(GaussianNetwork):
    """See the module's docstring."""

    def __init__(
        self,
        config: FactorizedConfig,
        mice: Sequence[Mouse],
        size: tuple[int, int],  # noqa: ARG002
    ) -> None:
        super().__init__(config, mice, config.channels[-1])
        self.behaviour_planes = config.behaviour_planes
        self.laplace = (config.laplace_spatial, config.laplace_temporal)
        inputs = 5 if config.behaviour_planes else 1
        sizes = enumerate((inputs, *config.channels[:-1]))
        layers = [FactorizedLayer(config, layer, before) for layer, before in sizes]
        self.core = nn.Sequential(*layers)
        self.context = sum(layer.context for layer in layers)
        self.lookahead = sum(layer.lookahead for layer in layers)

    def features(self, video: Tensor, states: Tensor) -> Tensor:
        """(B, C, T, H', W')."""
        film = standardised(video)
        film = with_planes(film, states) if self.behaviour_planes else film[:, None]
        features: Tensor = self.core(film)
        return features

    def penalty(self, mice: Sequence[int]) -> Tensor:
        """laplace_spatial and laplace_temporal times the first layer's roughness, and the readouts'.

        It is added undivided to a loss that is a mean over clips, summed over neurons and frames.
        """
        first = self.core[0]
        assert isinstance(first, FactorizedLayer)
        spatial, temporal = first.roughness()
        readouts = super().penalty(mice)
        return readouts + self.laplace[0] * spatial + self.laplace[1] * temporal


def roughness(filters: Tensor) -> Tensor:
    """How rough filters are: the squares of their Laplacian by the squares of their weights, summed.

    filters: (F, k) or (F, k, k), with zeros beyond their rim. Since it does not depend on their
    size, batch normalisation cannot evade it. White noise has 20 in two axes, 6 in one.
    """
    laplacian = sum(_second_difference(filters, axis) for axis in range(1, filters.ndim))
    assert isinstance(laplacian, Tensor)
    return laplacian.square().sum() / filters.square().sum().clamp(min=1e-12)


def _second_difference(x: Tensor, axis: int) -> Tensor:
    zero = torch.zeros_like(x.narrow(axis, 0, 1))
    return torch.diff(x, n=2, dim=axis, prepend=zero, append=zero)
