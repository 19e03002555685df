"""Asynchronous successive halving without pauses: at each rung the best share goes on (Li et al., 2020).

Optuna's own pruner rounds the share down, so that of the first `reduction` trials only one that beats
all before it goes on: a search of eight trials ended with one complete trial, where an ensemble wants
several. Here the first `reduction` trials of a rung all go on, since one of so few says nothing, and
the share is rounded up. Rungs are read from the trials' reports and nothing else is kept.
"""

import math

from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial


class SuccessiveHalving(BasePruner):
    """Rungs at grace, grace * reduction, grace * reduction**2, ... epochs; higher is better.

    A trial goes on if it is among the first `reduction` ones at the rung, or among the best
    1 / reduction, rounded up, of all that have reached it by then, itself included.
    """

    def __init__(self, grace: int, reduction: int) -> None:
        self.grace, self.reduction = grace, reduction

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to stop after its last report."""
        epoch = trial.last_step
        if epoch is None or not self.is_rung(epoch):
            return False
        trials = study.get_trials(deepcopy=False)
        values = (each.intermediate_values.get(epoch) for each in trials)
        own = trial.intermediate_values[epoch]
        reached = [value for value in values if value is not None]
        better = sum(value > own for value in reached)
        few = len(reached) <= self.reduction
        return not few and better >= math.ceil(len(reached) / self.reduction)

    def is_rung(self, epoch: int) -> bool:
        """Whether trials are compared after so many epochs."""
        rung = self.grace
        while rung < epoch:
            rung *= self.reduction
        return rung == epoch
