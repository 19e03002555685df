"""Optuna's Gaussian process, told also of trials that were stopped early or failed.

By itself it learns from complete trials alone: a region where all trials are stopped early stays
unknown to it, so it proposes that region again and again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.attributes import ATTRIBUTE_REASON, ATTRIBUTE_REFUSED

STARTUP = 10
"""Trials that are drawn at random before there is something to learn from."""
NO_FAULT = ("was tried already", "the search was stopped", "the worker was lost")
"""How the reasons of failures begin that say nothing about the configuration."""


class GaussianProcess(BaseSampler):
    """Proposes from a copy of the study in which every trial that says something has a value.

    The copy is made for each proposal, so that nothing has to be kept between them or over a resume.
    Names that not every configuration has are drawn at random.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = RandomSampler(seed=seed)

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """The names that every trial so far has chosen a value for."""
        found = intersection_search_space(study.get_trials(deepcopy=False), include_pruned=True)
        return {name: each for name, each in found.items() if not each.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values for these names; none before STARTUP trials."""
        past = [
            each
            for each in study.get_trials(deepcopy=False)
            if each.number != trial.number and search_space.keys() <= each.params.keys()
        ]
        told = values_of(past)
        if not search_space or len(told) < STARTUP:
            return {}
        sampler = GPSampler(
            seed=(self.seed + trial.number) % 2**30,
            n_startup_trials=0,
            independent_sampler=self._random,
        )
        copy = optuna.create_study(direction=study.direction, sampler=sampler)
        copy.add_trials(
            _copied(each, search_space, told.get(each.number))
            for each in past
            if each.number in told or each.state == TrialState.RUNNING
        )
        return copy.ask(search_space).params

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A value at random."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def values_of(trials: Sequence[FrozenTrial]) -> dict[int, float]:
    """The value that each trial counts with, by number; higher is better.

    A trial that was stopped early counts as ending as far behind the complete ones (their median) as
    it was at its last epoch. A failure, or a proposal over a limit, counts as the least of all
    values. Failures for other reasons, such as a lost worker, have none.
    """
    complete = [each for each in trials if each.state == TrialState.COMPLETE]
    values = {each.number: each.value for each in complete if each.value is not None}
    for trial in trials:
        if trial.state == TrialState.PRUNED and trial.intermediate_values:
            values[trial.number] = _at_the_end(trial, complete)
    least = min(values.values(), default=None)
    if least is not None:
        values |= {each.number: least for each in trials if _is_at_fault(each)}
    return values


def _at_the_end(trial: FrozenTrial, complete: Sequence[FrozenTrial]) -> float:
    epoch, value = max(trial.intermediate_values.items())
    passed = [each for each in complete if epoch in each.intermediate_values]
    if not passed:
        return value
    gained = [float(each.value or 0.0) for each in passed]
    then = [each.intermediate_values[epoch] for each in passed]
    return float(value + np.median(gained) - np.median(then))


def _is_at_fault(trial: FrozenTrial) -> bool:
    attributes = trial.user_attrs
    reason = str(attributes.get(ATTRIBUTE_REFUSED) or attributes.get(ATTRIBUTE_REASON, ""))
    return trial.state == TrialState.FAIL and bool(reason) and not reason.startswith(NO_FAULT)


def _copied(
    trial: FrozenTrial, search_space: dict[str, BaseDistribution], value: float | None
) -> FrozenTrial:
    """A trial with these names alone: complete with its value, or running without one."""
    return create_trial(
        state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
        value=value,
        params={name: trial.params[name] for name in search_space},
        distributions=search_space,
    )
