"""How the learning rates change: a linear warm-up, then a cosine, plateaus or nothing.

Every group of weights keeps its own rate: all changes are factors.
"""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, ReduceLROnPlateau

from models.training.settings import TrainingConfig

LOWERED = 0.3
"""What a plateau multiplies the rates by; the organisers' factor."""


class Schedule:
    """The rates of an optimiser over a training of so many steps."""

    def __init__(self, optimizer: Optimizer, settings: TrainingConfig, steps: int) -> None:
        self.optimizer = optimizer
        highest = [group["lr"] for group in optimizer.param_groups]
        self._of_steps = _of_steps(optimizer, settings, steps)
        self._of_scores = None
        if settings.schedule == "plateau":
            self._of_scores = ReduceLROnPlateau(
                optimizer,
                mode="max",
                factor=LOWERED,
                patience=settings.plateau_patience,
                threshold=0.0,
                threshold_mode="abs",
                min_lr=[settings.final_learning_rate * rate for rate in highest],
                eps=0.0,
            )

    @property
    def learning_rate(self) -> float:
        """The present rate of what belongs to one mouse."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self) -> None:
        """A step is over."""
        self._of_steps.step()

    def validated(self, score: float) -> None:
        """An epoch is over; a score that is NaN is no better than any."""
        if self._of_scores is not None:
            self._of_scores.step(score)

    def state_dict(self) -> dict[str, Any]:
        """Where it is; the rates themselves are part of the optimiser's state."""
        scores = {} if self._of_scores is None else self._of_scores.state_dict()
        return {"steps": self._of_steps.state_dict(), "scores": scores}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()` of a schedule with the same settings."""
        self._of_steps.load_state_dict(state["steps"])
        if self._of_scores is not None:
            self._of_scores.load_state_dict(state["scores"])


def _of_steps(optimizer: Optimizer, settings: TrainingConfig, steps: int) -> LRScheduler:
    """Changes after each step. A plateau's factor holds on, as LinearLR multiplies present rates."""
    rising = min(round(settings.warmup * steps), steps - 1)
    if settings.schedule == "cosine":
        final = settings.final_learning_rate
        return LambdaLR(optimizer, lambda step: _cosine(step, rising, steps, final))
    return LinearLR(optimizer, 1 / (rising + 1), 1.0, rising)


def _cosine(step: int, rising: int, steps: int, final: float) -> float:
    """Share of the highest rate at a step: up to 1 in `rising` steps, then down to `final`."""
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(steps - rising, 1)
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
