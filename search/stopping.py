"""Asynchronous successive halving in epochs: the weak stop early (Li et al., 2020).

At each rung a trial goes on if its score is among the best of those that reached the rung before
it: the best third, or another share.
"""

import math
from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from models.runs import SCORE

REDUCTION = 3
EPOCH = "epoch"


def grace_epochs(epochs: int) -> int:
    """Epochs that every trial may train: a seventh of the budget, which covers the warm-up, or two."""
    return max(min(2, epochs), epochs // 7)


class Halving(ASHAScheduler):
    """ASHA that leaves alone whoever reports no score, or one that is not a number."""

    def __init__(self, epochs: int, grace: int | None = None, reduction: float = REDUCTION) -> None:
        super().__init__(
            time_attr=EPOCH,
            metric=SCORE,
            mode="max",
            max_t=epochs,
            grace_period=min(grace or grace_epochs(epochs), epochs),
            reduction_factor=reduction,
        )

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Stop a trial that is weak at its rung."""
        if not has_score(result):
            return str(TrialScheduler.CONTINUE)
        return str(super().on_trial_result(tune_controller, trial, result))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Let the last score count at its rung."""
        if has_score(result):
            super().on_trial_complete(tune_controller, trial, result)


def has_score(result: Mapping[str, Any]) -> bool:
    """Whether a report holds a finite score."""
    score = result.get(SCORE)
    return isinstance(score, int | float) and math.isfinite(score)
