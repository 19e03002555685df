"""DwiseNeuro, the winner of SENSORIUM 2023, in any size.

Depth-wise separable 3-D convolutions see the video and the animal's state as five channels of one
film; the average over space goes through a "cortex" of grouped point-wise convolutions, and each
mouse reads its neurons from that. Source: the facts collected from the winner's published code.

    video (B, T, H, W), behaviour (B, 4, T)
      -> (B, 5, T, S, S)           one film, zero-padded to a square
      -> core   (B, C, T)          stem, inverted residual blocks, mean over space
      -> cortex (B, F, T)
      -> readout of each mouse (b, N, T), softplus or another output
"""

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.blocks import (
    DropPath,
    PositionEncoding,
    SpatialDepthwise,
    TemporalDepthwise,
    with_planes,
)
from models.networks.network import Mouse, Network
from models.networks.outputs import Activation, OutputConfig
from models.networks.readouts import GroupedReadout

Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class DwiseNeuroConfig(OutputConfig):
    """The winner's configuration is the default."""

    family: Literal["dwiseneuro"] = "dwiseneuro"
    clip_frames: int = Field(default=16, ge=1)
    frame_step: int = Field(default=2, ge=1)
    core_features: tuple[Size, ...] = (64, 64, 64, 64, 128, 128, 128, 256, 256)
    """Input channels of each block; each leads to the next one's, the last to its own."""
    spatial_strides: tuple[Size, ...] = (2, 1, 1, 1, 2, 1, 1, 2, 1)
    """Spatial stride of each block."""
    spatial_kernel: Literal[3, 5, 7] = 3
    temporal_kernel: Literal[3, 5, 7] = 5
    expansion_ratio: int = Field(default=6, ge=1)
    """How many times wider a block is inside."""
    se_reduce_ratio: int = Field(default=32, ge=1)
    """How many times narrower squeeze-and-excite is than the inside of a block."""
    cortex_features: tuple[Size, ...] = (1024, 2048, 4096)
    groups: int = Field(default=2, ge=1)
    """Groups of the point-wise convolutions of cortex and readouts."""
    softplus_beta: float = Field(default=0.07, gt=0)
    drop_rate: Rate = 0.4
    """Dropout of whole features before the readout."""
    drop_path_rate: Rate = 0.1
    """Chance to leave out the last block; it rises linearly from 0 at the first."""
    pad_to_square: bool = True
    """Zero-pad the film's height to its width, as the winner did."""
    scale_outputs: bool = False
    """As in other families; the winner did not, which suits long trainings on the competition's
    recordings alone."""

    @model_validator(mode="after")
    def _check_shapes(self) -> "DwiseNeuroConfig":
        if not self.core_features or len(self.core_features) != len(self.spatial_strides):
            raise ValueError(
                f"core_features and spatial_strides have one entry a block, at least one; found "
                f"{len(self.core_features)} and {len(self.spatial_strides)}"
            )
        uneven = [size for size in self._grouped_sizes() if size % self.groups]
        if uneven:
            raise ValueError(
                f"the last of core_features and all of cortex_features are multiples of groups "
                f"({self.groups}); found {uneven}"
            )
        return self

    def _grouped_sizes(self) -> tuple[int, ...]:
        return (*self.core_features[-1:], *self.cortex_features)


class ConvNorm(nn.Sequential):
    """A convolution without bias, batch normalisation and, unless it projects, SiLU."""

    def __init__(self, conv: nn.Module, channels: int, activate: bool = True) -> None:
        parts = [conv, nn.BatchNorm3d(channels)]
        super().__init__(*parts, *([nn.SiLU(inplace=True)] if activate else []))


class SqueezeExcite(nn.Module):
    """Scales each channel by a number made from the means of all: (B, C, T, H, W), same out."""

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        narrow = max(channels // ratio, 1)
        self.reduce = nn.Conv3d(channels, narrow, 1)
        self.expand = nn.Conv3d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        narrow: Tensor = self.reduce(x.mean((2, 3, 4), keepdim=True))
        weights: Tensor = self.expand(F.silu(narrow))
        return x * torch.sigmoid(weights)


def repeat_channels(x: Tensor, channels: int) -> Tensor:
    """The channels again and again until there are `channels` of them: a shortcut without weights."""
    times = -(-channels // x.shape[1])
    return x.repeat(1, times, *(1,) * (x.ndim - 2))[:, :channels]


class InvertedResidual(nn.Module):
    """(B, C, T, H, W) -> (B, C', T, H / stride, W / stride)."""

    def __init__(self, config: DwiseNeuroConfig, block: int) -> None:
        super().__init__()
        last = len(config.core_features) - 1
        inputs = config.core_features[block]
        self.outputs = config.core_features[min(block + 1, last)]
        wide = inputs * config.expansion_ratio
        self.expand = ConvNorm(nn.Conv3d(inputs, wide, 1, bias=False), wide)
        spatial = SpatialDepthwise(wide, config.spatial_kernel, config.spatial_strides[block])
        self.spatial = ConvNorm(spatial, wide)
        self.temporal = ConvNorm(TemporalDepthwise(wide, config.temporal_kernel), wide)
        self.squeeze_excite = SqueezeExcite(wide, config.se_reduce_ratio)
        project = nn.Conv3d(wide, self.outputs, 1, bias=False)
        self.project = ConvNorm(project, self.outputs, activate=False)
        self.shortcut_norm = nn.BatchNorm3d(self.outputs)
        self.drop_path = DropPath(config.drop_path_rate * block / max(last, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.squeeze_excite(self.temporal(self.spatial(self.expand(x)))))
        shortcut: Tensor = self.shortcut_norm(self._shortcut(x, y.shape[2:]))
        kept: Tensor = self.drop_path(y)
        return shortcut + kept

    def _shortcut(self, x: Tensor, size: torch.Size) -> Tensor:
        if x.shape[2:] != size:
            x = F.interpolate(x, size=tuple(size), mode="nearest")
        return repeat_channels(x, self.outputs)


class CortexLayer(nn.Module):
    """Grouped point-wise convolution whose groups are shuffled, plus shortcut: (B, C, T)."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.outputs, self.groups = outputs, groups
        self.conv = nn.Conv1d(inputs, outputs, 1, groups=groups, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.shortcut_norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self._shuffled(F.silu(self.norm(self.conv(x))))
        shortcut: Tensor = self.shortcut_norm(repeat_channels(x, self.outputs))
        return y + shortcut

    def _shuffled(self, x: Tensor) -> Tensor:
        batch, channels, frames = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, frames)
        return grouped.transpose(1, 2).reshape(x.shape)


class DwiseNeuro(Network):
    """See the module's docstring."""

    windowed = True

    def __init__(
        self,
        config: DwiseNeuroConfig,
        mice: Sequence[Mouse],
        size: tuple[int, int],  # noqa: ARG002
    ) -> None:
        super().__init__()
        self.pad_to_square = config.pad_to_square
        self.core = _core(config)
        self.cortex = _cortex(config)
        features = (*config.core_features[-1:], *config.cortex_features)[-1]
        self.readouts = nn.ModuleList(
            GroupedReadout(features, mouse.neurons, config.groups, config.drop_rate)
            for mouse in mice
        )
        self.activation = Activation(config)
        self.scales = nn.ParameterList(
            nn.Parameter(torch.ones(mouse.neurons), requires_grad=False) for mouse in mice
        )
        if config.scale_outputs:
            self._start_at(mice)

    def features(self, video: Tensor, states: Tensor) -> Tensor:
        return self.features_of(self.film(video, states))

    def features_of(self, film: Tensor) -> Tensor:
        """(B, F, T) from (B, 5, T, S, S)."""
        pooled: Tensor = self.core(film).mean((3, 4))
        features: Tensor = self.cortex(pooled)
        return features

    def read(self, mouse: int, features: Tensor, states: Tensor) -> Tensor:  # noqa: ARG002
        response: Tensor = self.activation(self.readouts[mouse](features))
        scaled: Tensor = response * self.scales[mouse][:, None]
        return scaled

    def film(self, video: Tensor, states: Tensor) -> Tensor:
        """(B, 5, T, S, S): the padded video and, filling a plane each, the four behaviour channels."""
        if self.pad_to_square:
            height, width = video.shape[-2:]
            missing = max(width - height, 0)
            video = F.pad(video, (0, 0, missing // 2, missing - missing // 2))
        return with_planes(video, states)

    @torch.no_grad()
    def _start_at(self, mice: Sequence[Mouse]) -> None:
        for mouse, readout, scale in zip(mice, self.readouts, self.scales, strict=True):
            std = torch.from_numpy(mouse.response_std).clamp(min=1e-3)
            scale.copy_(std * self.activation.unit)
            drive = self.activation.drive(torch.from_numpy(mouse.response_mean) / scale)
            assert isinstance(readout, GroupedReadout)
            assert readout.conv.bias is not None
            readout.conv.bias[: mouse.neurons].copy_(drive)
            readout.conv.weight.mul_(0.1)


def _core(config: DwiseNeuroConfig) -> nn.Sequential:
    first = config.core_features[0]
    parts: list[nn.Module] = [ConvNorm(nn.Conv3d(5, first, 1, bias=False), first, activate=False)]
    for block, channels in enumerate(config.core_features):
        parts += [PositionEncoding(channels), InvertedResidual(config, block)]
    return nn.Sequential(*parts)


def _cortex(config: DwiseNeuroConfig) -> nn.Sequential:
    sizes = itertools.pairwise((config.core_features[-1], *config.cortex_features))
    return nn.Sequential(*(CortexLayer(a, b, config.groups) for a, b in sizes))
