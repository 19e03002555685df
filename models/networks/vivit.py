"""A factorised space-time transformer in the manner of ViV1T, third in SENSORIUM 2023.

Every token is a tubelet of the film. The tokens of one frame attend to one another, then the tokens
of one place do; attention and feed-forward stand side by side on one norm, and each block adds what
the animal does. Source: the facts collected from its authors' publications.

    video (B, T, H, W), behaviour (B, 4, T), both standardised
      -> tubelets (B, T, S, C)            S places of the frame
      -> blocks over space, blocks over time, norm
      -> features (B, C, T, H', W')
      -> Gaussian readout of each mouse (b, N, T), exponential or another output

What the facts leave open, and what is done here: sines and cosines of frame, row and column are added
to the tubelets, so that a clip may have any length; behaviour is added to the tokens before a block's
norm, all four channels of it; the dropout of tokens follows the tubelets; every block has the same
chance to be left out; the feed-forward has GELU; a norm ends the core. Mean grey is assumed beyond a
clip's ends.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.attention import BehaviourMlp, FeedForward, Rate, Size, attend
from models.networks.blocks import DropPath, PositionEncoding, standardised
from models.networks.gaussian import GaussianConfig, GaussianNetwork
from models.networks.network import Mouse
from models.networks.outputs import Nonlinearity


class VivitConfig(GaussianConfig):
    """The third place's configuration is the default."""

    family: Literal["vivit"] = "vivit"
    clip_frames: int = Field(default=140, ge=1)
    output: Nonlinearity = "exp"
    causal: bool = True
    """Whether a response sees only its own frame and those before it, in tubelets and attention.
    Otherwise tubelets lie around their frame. The facts do not say; a response has no cause in
    frames that follow, and no frame at a window's end is lost."""
    patch_size: int = Field(default=7, ge=1, le=9)
    """Height and width of a tubelet in pixels."""
    patch_stride: Size = 2
    """Pixels between tubelets."""
    patch_frames: Size = 25
    """Frames of a tubelet; there is one at every frame."""
    embedding: Size = 112
    """Channels of a token, C."""
    spatial_depth: Size = 3
    temporal_depth: Size = 5
    heads: Size = 11
    head_size: Size = 48
    mlp_features: Size = 136
    drop_rate: Rate = 0.134
    """Dropout of the tubelets' channels."""
    attention_drop_rate: Rate = 0.358
    feed_forward_drop_rate: Rate = 0.059
    drop_path_rate: Rate = 0.05
    """Chance to leave a block out, the same for all."""

    @model_validator(mode="after")
    def _check_sizes(self) -> "VivitConfig":
        if self.patch_frames > self.clip_frames:
            raise ValueError(
                f"patch_frames is at most clip_frames ({self.clip_frames}); found {self.patch_frames}"
            )
        return self

    @property
    def beyond(self) -> tuple[int, int]:
        """Frames before and after its own that a tubelet sees."""
        others = self.patch_frames - 1
        after = 0 if self.causal else others // 2
        return others - after, after


class Tubelets(nn.Module):
    """Frames (B, T, H, W) -> tokens (B, C, T, H', W'), with zeros beyond the clip's ends."""

    def __init__(self, config: VivitConfig) -> None:
        super().__init__()
        self.beyond = config.beyond
        size, stride = config.patch_size, config.patch_stride
        shape = (config.patch_frames, size, size)
        self.conv = nn.Conv3d(1, config.embedding, shape, stride=(1, stride, stride))
        self.places = PositionEncoding(config.embedding)

    def forward(self, frames: Tensor) -> Tensor:
        padded = F.pad(frames[:, None], (0, 0, 0, 0, *self.beyond))
        placed: Tensor = self.places(self.conv(padded))
        return placed


class ParallelBlock(nn.Module):
    """Tokens (B, A, L, C), of which L attend to one another, same shape out."""

    def __init__(self, config: VivitConfig, causal: bool) -> None:
        super().__init__()
        channels, inner = config.embedding, config.heads * config.head_size
        self.heads, self.causal, self.drop_rate = config.heads, causal, config.attention_drop_rate
        self.behaviour = BehaviourMlp(channels)
        self.norm = nn.LayerNorm(channels)
        self.project = nn.Linear(channels, 3 * inner, bias=False)
        self.merge = nn.Linear(inner, channels)
        self.feed_forward = FeedForward(
            channels, config.mlp_features, config.feed_forward_drop_rate
        )
        self.drop_path = DropPath(config.drop_path_rate)

    def forward(self, x: Tensor, states: Tensor) -> Tensor:
        """`states` (B, A or 1, L or 1, 4)."""
        x = x + self.behaviour(states)
        normed = self.norm(x)
        kept: Tensor = self.drop_path(self._attention(normed) + self.feed_forward(normed))
        return x + kept

    def _attention(self, x: Tensor) -> Tensor:
        attended = attend(
            self.project(x).flatten(0, 1),
            self.heads,
            causal=self.causal,
            drop_rate=self.drop_rate if self.training else 0.0,
        )
        merged: Tensor = self.merge(attended).view_as(x)
        return merged


class SpaceTime(nn.Module):
    """Frames (B, T, H, W) and states (B, 4, T), standardised -> features (B, C, T, H', W')."""

    def __init__(self, config: VivitConfig) -> None:
        super().__init__()
        self.tubelets = Tubelets(config)
        self.dropout = nn.Dropout(config.drop_rate)
        spatial = (ParallelBlock(config, causal=False) for _ in range(config.spatial_depth))
        temporal = (ParallelBlock(config, config.causal) for _ in range(config.temporal_depth))
        self.spatial, self.temporal = nn.ModuleList(spatial), nn.ModuleList(temporal)
        self.norm = nn.LayerNorm(config.embedding)

    def forward(self, frames: Tensor, states: Tensor) -> Tensor:
        tubelets = self.dropout(self.tubelets(frames))
        states = states.transpose(1, 2)  # (B, T, 4)
        # Blocks add to tokens in single precision, whatever they compute in.
        x = tubelets.flatten(3).permute(0, 2, 3, 1).float().contiguous()  # (B, T, S, C)
        for block in self.spatial:
            x = block(x, states[:, :, None])
        x = x.transpose(1, 2).contiguous()  # (B, S, T, C)
        for block in self.temporal:
            x = block(x, states[:, None])
        normed: Tensor = self.norm(x)
        return normed.permute(0, 3, 2, 1).view_as(tubelets)


class Vivit(GaussianNetwork):
    """See the module's docstring."""

    windowed = True  # attention over time looks at a clip as a whole

    def __init__(
        self,
        config: VivitConfig,
        mice: Sequence[Mouse],
        size: tuple[int, int],  # noqa: ARG002
    ) -> None:
        super().__init__(config, mice, config.embedding)
        self.context, self.lookahead = config.beyond
        self.core = SpaceTime(config)

    def features(self, video: Tensor, states: Tensor) -> Tensor:
        features: Tensor = self.core(standardised(video), states)
        return features
