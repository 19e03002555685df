"""Which trials stop early: pruners of Optuna's kind, asked after every epoch.

Their whole state is in the study, so a search that is resumed stops as one that was never interrupted.
ASHA (Li et al., 2020) has rungs at grace, grace * reduction, ... epochs: a trial goes on if its score is
among the best share of those that reached the rung before it; in one bracket, or in several whose first
rungs differ. Hyperband (Li et al., 2018) is Optuna's, of as many brackets as fit. Median stops what is
below the median of earlier trials. The last two know only scores, and so serve no search with several
objectives.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
)

from models.errors import UserError
from models.runs import SCORE
from search.halving import SuccessiveHalving, rungs_within
from search.plan import Plan, Rule
from search.recorded import most_epochs
from search.space import Space

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


def has_score(result: Mapping[str, Any]) -> bool:
    """Whether a report holds a finite score."""
    score = result.get(SCORE)
    return isinstance(score, int | float) and math.isfinite(score)
