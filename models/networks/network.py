"""What every family of networks is: a configuration, and a module that maps a clip to responses."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

Rows = Sequence[tuple[int, slice]]
"""Which rows of a batch belong to which mouse: (index of the mouse, rows)."""


@dataclass(frozen=True)
class Mouse:
    """What a network needs to know of a mouse before it is trained: its size and its magnitudes.

    The magnitudes only set where training starts; a network that is loaded from a file replaces
    them by the stored ones.
    """

    name: str
    neurons: int
    response_mean: npt.NDArray[np.float32]  # (N,)
    response_std: npt.NDArray[np.float32]  # (N,)
    behaviour_mean: npt.NDArray[np.float32]  # (4,)
    behaviour_std: npt.NDArray[np.float32]  # (4,)

    @classmethod
    def of_size(cls, name: str, neurons: int) -> "Mouse":
        """A mouse of unknown magnitudes."""
        zero, one = np.zeros, np.ones
        sizes = (neurons, neurons, 4, 4)
        made = (make(size, np.float32) for make, size in zip((zero, one) * 2, sizes, strict=True))
        return cls(name, neurons, *made)


class NetworkConfig(BaseModel):
    """What the configurations of all families share."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    clip_frames: int = Field(ge=1)
    """Frames of a training clip, T."""
    frame_step: int = Field(default=1, ge=1)
    """A clip takes every so-manieth frame of the recording."""


class Network(nn.Module, ABC):
    """A network for M mice.

    `forward` takes a clip's frames and behaviour and gives the responses of the same frames, so
    that every family trains and predicts on the same road.
    """

    windowed: bool
    """Whether a trial is predicted from windows of `clip_frames`, or in one go at any length."""
    context: int = 0
    """Frames at the start of a clip whose prediction lacks history and is not trained on."""

    @abstractmethod
    def forward(self, video: Tensor, behaviour: Tensor, rows: Rows) -> list[Tensor]:
        """Responses (b, N, T) of each mouse in `rows`.

        video: (B, T, H, W) grey values 0..255. behaviour: (B, 4, T) pupil dilation, running speed,
        pupil centre horizontal and vertical, raw units.
        """


def width_of_clip(config: NetworkConfig) -> int:
    """Frames of the recording that a clip spans, first to last."""
    return (config.clip_frames - 1) * config.frame_step + 1
