"""Which trials stop early: pruners of Optuna's kind, behind Ray's interface of schedulers.

Their whole state is in the study, so a search that is resumed stops as one that was never interrupted.
ASHA (Li et al., 2020) has rungs at grace, grace * reduction, ... epochs: a trial goes on if its score is
among the best share of those that reached the rung before it. Hyperband (Li et al., 2018) runs several
such ladders whose first rungs differ. Median stops what is below the median of earlier trials.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
)
from ray.tune.schedulers import FIFOScheduler

from models.runs import SCORE
from search.halving import SuccessiveHalving
from search.plan import Rule
from search.trainable import NUMBER

EPOCH = "epoch"
STARTUP = 5
"""Complete trials before the median says anything."""


def grace_epochs(epochs: int) -> int:
    """Epochs that every trial may train: a seventh of the budget, which covers the warm-up, or two."""
    return max(min(2, epochs), epochs // 7)


def make_pruner(rule: Rule, epochs: int, grace: int | None, reduction: int) -> BasePruner:
    """The pruner of a search whose trials have at most so many epochs."""
    first = min(grace or grace_epochs(epochs), epochs)
    if rule == "asha":
        return SuccessiveHalving(first, reduction)
    if rule == "hyperband":
        return HyperbandPruner(min_resource=first, max_resource=epochs, reduction_factor=reduction)
    if rule == "median":
        return MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=first)
    return NopPruner()


class Stopping(FIFOScheduler):
    """Trials start in order; `is_weak`, which gets a trial's number and report, says which stop."""

    def __init__(self, is_weak: Callable[[int, Mapping[str, Any]], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._is_weak = is_weak

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        """Stop a trial that is weak."""
        weak = self._is_weak(trial.config[NUMBER], result)
        return str(self.STOP if weak else self.CONTINUE)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what it is given for a restore of its own, which is not used."""
        return {}


def has_score(result: Mapping[str, Any]) -> bool:
    """Whether a report holds a finite score."""
    score = result.get(SCORE)
    return isinstance(score, int | float) and math.isfinite(score)
