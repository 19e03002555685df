"""What every family of networks is: a configuration, and a module that maps a clip to responses."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from models.strict import Strict

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


@dataclass(frozen=True)
class Shown:
    """One training trial, as a network may see it before it is trained."""

    mouse: int
    """Index of the mouse."""
    film: str
    """Trials of films of the same content have the same name here."""
    video: Tensor  # (T, H, W)
    behaviour: Tensor  # (4, T)
    responses: Tensor  # (N, T)


class NetworkConfig(Strict):
    """What the configurations of all families share; each also has a `family`, its name."""

    clip_frames: int = Field(ge=1)
    """Frames of a training clip, T."""
    frame_step: int = Field(default=1, ge=1)
    """A clip takes every so-manieth frame of the recording."""


class Network(nn.Module, ABC):
    """A network for M mice, built from (configuration, mice, size of frames).

    `forward` takes a clip's frames and behaviour and gives the responses of the same frames, so
    that every family trains and predicts on the same road. What all mice share makes `features` of
    a clip, from which `read` makes the responses of one mouse; `readouts` has a module a mouse, with
    everything that is that mouse's alone.
    """

    windowed: bool
    """Whether a trial is predicted from windows of `clip_frames`, or in one go at any length."""
    context: int = 0
    """Frames at the start of a clip whose prediction lacks history and is not trained on."""
    lookahead: int = 0
    """Frames at the end of a clip whose prediction lacks the frames that follow; not trained on."""
    readouts: nn.ModuleList

    def forward(
        self, video: Tensor, behaviour: Tensor, rows: Rows, readers: Rows | None = None
    ) -> list[Tensor]:
        """Responses (b, N, T) of each mouse in `rows`, which divides the batch from first to last.

        video: (B, T, H, W) grey values 0..255. behaviour: (B, 4, T) pupil dilation, running speed,
        pupil centre horizontal and vertical, raw units. With `readers`, the responses of these mice
        to these clips instead, whichever mouse a clip is of.
        """
        states = self.states(behaviour, rows)
        features = self.features(video, states)
        wanted = rows if readers is None else readers
        return [self.read(mouse, features[part], states[part]) for mouse, part in wanted]

    def states(self, behaviour: Tensor, rows: Rows) -> Tensor:  # noqa: ARG002
        """(B, 4, T) behaviour as the network takes it, by the mouse that each clip is of."""
        return behaviour

    @abstractmethod
    def features(self, video: Tensor, states: Tensor) -> Tensor:
        """What all mice share: of any shape that begins with B."""

    @abstractmethod
    def read(self, mouse: int, features: Tensor, states: Tensor) -> Tensor:
        """Responses (b, N, T) of a mouse's neurons to b clips."""

    def prepare(self, trials: Iterable[Shown]) -> None:
        """Start from what the training trials tell, once, before the first step of a training.

        The trials can be gone through once, mouse by mouse, and never hold the validation fold.
        """

    def compiled_parts(self) -> list[nn.Module]:
        """The modules that torch.compile is worth its time for: those that all mice share."""
        return [part for name, part in self.named_children() if name in ("core", "cortex")]

    def penalty(self, mice: Sequence[int]) -> Tensor:  # noqa: ARG002
        """What regularisation adds to a step's loss, with the readouts of these mice: a scalar."""
        return torch.zeros((), device=next(self.parameters()).device)


def width_of_clip(config: NetworkConfig) -> int:
    """Frames of the recording that a clip spans, first to last."""
    return (config.clip_frames - 1) * config.frame_step + 1
