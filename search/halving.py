"""Asynchronous successive halving without pauses: at each rung the best share goes on (Li et al., 2020).

Optuna's own pruner rounds the share down, so that of the first `reduction` trials only one that beats
all before it goes on: a search of eight trials ended with one complete trial, where an ensemble wants
several. Here the first `reduction` trials of a rung all go on, since one of so few says nothing, and
the share is rounded up. Rungs are read from the trials' reports and nothing else is kept.

With several brackets, a trial's number says which it is in, and trials are compared within theirs. Each
bracket has its first rung `reduction` times later than the one before, for those who become good late.
Their shares of the trials are those of Hyperband (Li et al., 2018, algorithm 1), with which brackets
cost about the same: with two and a reduction of three, three trials in five are in the first.

With several objectives, to be better is to be on a better front of those at the rung (Schmucker et al.,
2021). So a small network is never stopped because larger ones score higher: one that is as small, and
scores as high, must be there. Rungs stop fewer trials then, the fewer the more objectives there are.
"""

import math

from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial

from search.objectives import costs_of, objectives_of, ranks, values_of


class SuccessiveHalving(BasePruner):
    """Rungs at first, first * reduction, first * reduction**2, ... epochs of a bracket.

    `first` is grace * reduction**b in bracket b. A trial goes on if it is among the first `reduction`
    ones at the rung, or among the best 1 / reduction, rounded up, of all that have reached it by then,
    itself included.
    """

    def __init__(self, grace: int, reduction: int, brackets: int = 1) -> None:
        self.grace, self.reduction = grace, reduction
        self.places = places(brackets, reduction)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to stop after its last report."""
        epoch, bracket = trial.last_step, self.bracket(trial.number)
        if epoch is None or not self.is_rung(epoch, bracket):
            return False
        reached = [
            each
            for each in study.get_trials(deepcopy=False)
            if epoch in each.intermediate_values and self.bracket(each.number) == bracket
        ]
        if len(reached) <= self.reduction:
            return False
        objectives = objectives_of(study)
        found: list[int] = ranks([_values(objectives, each, epoch) for each in reached]).tolist()
        own = found[[each.number for each in reached].index(trial.number)]
        better = sum(place < own for place in found)
        return better >= math.ceil(len(reached) / self.reduction)

    def bracket(self, number: int) -> int:
        """The bracket of a trial, from 0 on."""
        return self.places[number % len(self.places)]

    def is_rung(self, epoch: int, bracket: int = 0) -> bool:
        """Whether trials of a bracket are compared after so many epochs."""
        rung = self.grace * int(self.reduction**bracket)
        while rung < epoch:
            rung *= self.reduction
        return rung == epoch


def places(brackets: int, reduction: int) -> list[int]:
    """The brackets of so many trials in a row, after which they come again; spread evenly."""
    shares = [
        math.ceil(brackets * reduction**halvings / (halvings + 1))
        for halvings in reversed(range(brackets))
    ]
    dealt = [
        ((place + 0.5) / share, bracket)
        for bracket, share in enumerate(shares)
        for place in range(share)
    ]
    return [bracket for _, bracket in sorted(dealt)]


def rungs_within(epochs: int, grace: int, reduction: int) -> int:
    """How many rungs lie before the end of a run of so many epochs."""
    rungs, epoch = 0, grace
    while epoch < epochs:
        rungs, epoch = rungs + 1, epoch * reduction
    return rungs


def _values(objectives: tuple[str, ...], trial: FrozenTrial, epoch: int) -> list[float]:
    """The score that a trial had after so many epochs, and what is known of its costs by now."""
    return values_of(objectives, trial.intermediate_values[epoch], costs_of(trial.user_attrs))
