"""A 3-D Swin transformer in the manner of Dynamic-V1FM, second in SENSORIUM 2023.

Tokens are blocks of the film that attend to one another within windows of time and space; every
second block's windows are shifted by half. Each block adds what the animal does. Sources: the facts
collected from its authors' publications; Liu et al., "Video Swin Transformer", CVPR 2022.

    video (B, T, H, W), behaviour (B, 4, T), both standardised
      -> tokens (B, T', H', W', C)         T' = T / 2 rounded up, likewise H', W'
      -> blocks, norm
      -> features (B, C, T', H', W')
      -> hierarchical Gaussian readout of each mouse (b, N, T), ELU + 1 or another output

What the facts leave open, and what is done here: one resolution throughout, no merging of tokens;
behaviour, all four channels as means over a token's frames, is added to the tokens before a block's
first norm; places enter by the relative bias of the attention alone; windows at the edges are cut
off rather than padded; a norm ends the core; neurons are read at every feature map and their drives
interpolated to T frames. A film that is no multiple of the token's size goes on with its last values.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.attention import BehaviourMlp, FeedForward, Rate, Size
from models.networks.blocks import DropPath, standardised
from models.networks.gaussian import GaussianNetwork
from models.networks.hierarchy import HierarchicalConfig, HierarchicalNeurons, slowed
from models.networks.network import Mouse
from models.networks.outputs import Nonlinearity
from models.networks.windows import WindowAttention


class SwinConfig(HierarchicalConfig):
    """The second place's configuration is the default, without dropout, which the facts lack."""

    family: Literal["swin"] = "swin"
    clip_frames: int = Field(default=30, ge=1)
    output: Nonlinearity = "elu"
    shifter_features: Size = 16
    patch: tuple[Size, Size, Size] = (2, 2, 2)
    """Frames, height and width of a token."""
    embedding: Size = 224
    """Channels of a token, C."""
    window: tuple[Size, Size, Size] = (8, 7, 7)
    """Tokens of a window in time, height and width."""
    blocks: Size = 4
    heads: Size = 4
    mlp_features: Size = 488
    drop_rate: Rate = 0.0
    """Dropout within the feed-forward."""
    attention_drop_rate: Rate = 0.0
    drop_path_rate: Rate = 0.0
    """Chance to leave out the last block; it rises linearly from 0 at the first."""

    @model_validator(mode="after")
    def _check_heads(self) -> "SwinConfig":
        if self.embedding % self.heads:
            raise ValueError(
                f"embedding is a multiple of heads ({self.heads}); found {self.embedding}"
            )
        return self


class Patches(nn.Module):
    """Frames (B, T, H, W) -> tokens (B, T', H', W', C)."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, config.embedding, config.patch, stride=config.patch)

    def forward(self, frames: Tensor) -> Tensor:
        sizes = zip(frames.shape[:0:-1], self.conv.stride[::-1], strict=True)  # W, H, T
        missing = [length for size, patch in sizes for length in (0, -size % patch)]
        tokens: Tensor = self.conv(F.pad(frames[:, None], missing, mode="replicate"))
        return tokens.permute(0, 2, 3, 4, 1)


class SwinBlock(nn.Module):
    """Tokens (B, T, H, W, C), same shape out."""

    def __init__(self, config: SwinConfig, block: int) -> None:
        super().__init__()
        channels = config.embedding
        self.behaviour = BehaviourMlp(channels)
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = WindowAttention(
            channels,
            config.heads,
            config.window,
            shifted=block % 2 == 1,
            drop_rate=config.attention_drop_rate,
        )
        self.feed_forward_norm = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, config.mlp_features, config.drop_rate)
        self.drop_path = DropPath(config.drop_path_rate * block / max(config.blocks - 1, 1))

    def forward(self, x: Tensor, states: Tensor) -> Tensor:
        """`states` (B, T, 1, 1, 4)."""
        x = x + self.behaviour(states)
        x = x + self.drop_path(self.attention(self.attention_norm(x)))
        kept: Tensor = self.drop_path(self.feed_forward(self.feed_forward_norm(x)))
        return x + kept


class SwinCore(nn.Module):
    """Frames (B, T, H, W) and states (B, 4, T), standardised -> features (B, C, T', H', W')."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.frames = config.patch[0]
        self.patches = Patches(config)
        self.blocks = nn.ModuleList(SwinBlock(config, block) for block in range(config.blocks))
        self.norm = nn.LayerNorm(config.embedding)

    def forward(self, frames: Tensor, states: Tensor) -> Tensor:
        states = slowed(states, self.frames).transpose(1, 2)[:, :, None, None]  # (B, T', 1, 1, 4)
        x = self.patches(frames).float()  # blocks add to it, whatever they compute in
        for block in self.blocks:
            x = block(x, states)
        normed: Tensor = self.norm(x)
        return normed.permute(0, 4, 1, 2, 3)


class Swin(GaussianNetwork):
    """See the module's docstring."""

    windowed = True  # attention looks at a clip as a whole

    def __init__(
        self,
        config: SwinConfig,
        mice: Sequence[Mouse],
        size: tuple[int, int],  # noqa: ARG002
    ) -> None:
        super().__init__(config, mice, config.embedding)
        self.core = SwinCore(config)

    def neurons(self, config: SwinConfig, channels: int, mouse: Mouse) -> nn.Module:
        return HierarchicalNeurons(config, channels, mouse, self.activation, config.patch[0])

    def features(self, video: Tensor, states: Tensor) -> Tensor:
        features: Tensor = self.core(standardised(video), states)
        return features
