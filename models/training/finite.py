"""The first loss that is not finite, found without waiting for the device in every step."""

import torch
from torch import Tensor

from models.training.failure import TrainingFailed

EVERY = 50
"""Steps between two looks at what a GPU has noted; a CPU's note is looked at in every step."""
NONE = -1


class FiniteLoss:
    """The device notes the first loss that is not finite, and its step; a look asks for the note.

    So a training ends up to `EVERY` steps later, but says in which step it went wrong. It is also
    looked at at the end of an epoch and before a checkpoint, so that none holds ruined weights.
    """

    def __init__(self, device: torch.device) -> None:
        self.every = 1 if device.type == "cpu" else EVERY
        self._step = torch.full((), NONE, device=device)
        self._loss = torch.zeros((), device=device)

    def note(self, loss: Tensor, step: int) -> None:
        """The loss of a step, counted from 1. Raises TrainingFailed where it is time to look."""
        first = ~torch.isfinite(loss) & (self._step == NONE)
        self._step = torch.where(first, step, self._step)
        self._loss = torch.where(first, loss, self._loss)
        if step % self.every == 0:
            self.look()

    def look(self) -> None:
        """Wait for the device. Raises TrainingFailed if a loss was not finite."""
        step, loss = int(self._step), float(self._loss)
        if step != NONE:
            remedy = "try a lower training.learning_rate, or training.gradient_clip"
            raise TrainingFailed(f"the loss is {loss} in step {step}", remedy)
