"""Which trials stop early: pruners of Optuna's kind, behind Ray's interface of schedulers.

Their whole state is in the study, so a search that is resumed stops as one that was never interrupted.
ASHA (Li et al., 2020) has rungs at grace, grace * reduction, ... epochs: a trial goes on if its score is
among the best share of those that reached the rung before it; in one bracket, or in several whose first
rungs differ. Hyperband (Li et al., 2018) is Optuna's, of as many brackets as fit. Median stops what is
below the median of earlier trials. The last two know only scores, and so serve no search with several
objectives.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
)
from ray.tune.schedulers import FIFOScheduler

from models.errors import UserError
from models.runs import SCORE
from search.halving import SuccessiveHalving, rungs_within
from search.plan import Plan, Rule
from search.recorded import most_epochs
from search.space import Space
from search.trainable import NUMBER

EPOCH = "epoch"
FOR_SEVERAL: tuple[Rule, ...] = ("asha", "none")
"""The rules that serve searches with several objectives."""
STARTUP = 5
"""Complete trials before the median says anything."""


def grace_epochs(epochs: int) -> int:
    """Epochs that every trial may train: a seventh of the budget, which covers the warm-up, or two."""
    return max(min(2, epochs), epochs // 7)


def first_rung(epochs: int, grace: int | None) -> int:
    """The epoch before which no trial is stopped."""
    return min(grace or grace_epochs(epochs), epochs)


def make_pruner(
    rule: Rule, epochs: int, grace: int | None, reduction: int, brackets: int = 1
) -> BasePruner:
    """The pruner of a search whose trials have at most so many epochs."""
    first = first_rung(epochs, grace)
    if rule == "asha":
        return SuccessiveHalving(first, reduction, brackets)
    if rule == "hyperband":
        return HyperbandPruner(min_resource=first, max_resource=epochs, reduction_factor=reduction)
    if rule == "median":
        return MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=first)
    return NopPruner()


def check_stopping(plan: Plan, space: Space | None) -> None:
    """The rule of a search can do what is asked of it. Raises UserError with all that it cannot."""
    epochs = None if space is None else most_epochs(space)
    wrong = [*_bracket_mistakes(plan, epochs), *_objective_mistakes(plan)]
    if wrong:
        raise UserError("; ".join(each for each, _ in wrong), " ".join(each for _, each in wrong))


def _bracket_mistakes(plan: Plan, epochs: int | None) -> Iterator[tuple[str, str]]:
    """None is for a space that could not be read."""
    if plan.brackets == 1:
        return
    if plan.stopping != "asha":
        yield (
            f"brackets are of --stopping asha; found --brackets {plan.brackets} with {plan.stopping}",
            "Leave --brackets out, or choose --stopping asha.",
        )
        return
    if epochs is None:
        return
    first = first_rung(epochs, plan.grace)
    most = rungs_within(epochs, first, plan.reduction)
    if plan.brackets > most:
        yield (
            f"each bracket begins at a later rung, and {most} lie within {epochs} epochs (the first "
            f"after {first}, each {plan.reduction} times later than the one before); "
            f"found --brackets {plan.brackets}",
            f"Give --brackets {max(most, 1)}, fewer --grace epochs, or more --epochs.",
        )


def _objective_mistakes(plan: Plan) -> Iterator[tuple[str, str]]:
    if len(plan.objectives) > 1 and plan.stopping not in FOR_SEVERAL:
        yield (
            f"--stopping {plan.stopping} compares scores alone, and would stop a small network because "
            f"larger ones score higher; found the objectives {', '.join(plan.objectives)}",
            f"Choose --stopping {' or '.join(FOR_SEVERAL)}.",
        )


class Stopping(FIFOScheduler):
    """Trials start in order; `is_weak`, which gets a trial's number and report, says which stop.

    Where all `slots` are there from the beginning, a worker that is free goes to a trial for which none
    is being started. Tune would give it to the first that waits and give up the worker which that one is
    to have: where trials take less time than a worker's start, only one slot would ever be used.
    """

    def __init__(
        self, is_weak: Callable[[int, Mapping[str, Any]], bool], slots: int | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._is_weak, self._slots = is_weak, slots

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Of the trials that wait, the first that a free worker may have; None if none waits."""
        live = tune_controller.get_live_trials()
        waiting = sorted(
            (trial for trial in live if trial.status == trial.PENDING),
            key=lambda trial: int(trial.config[NUMBER]),
        )
        running = sum(trial.status == trial.RUNNING for trial in live)
        starting = 0 if self._slots is None else max(self._slots - running - 1, 0)
        return waiting[min(starting, len(waiting) - 1)] if waiting else None

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
