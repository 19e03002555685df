"""TPE within each family of networks, and which family is tried next.

One TPE over all families models where the better tenth of all trials lies. A family whose every trial is
fair crowds out one whose best trials are far better but whose others are bad: in a search of ours 51 of
88 trials went to the linear model, whose best one was not among the best. What an
ensemble is made of are the best trials, so a family is chosen by its best one (as best-arm bandits for
the choice of algorithms do, Li et al., 2020), and TPE sees the trials of that family alone.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from search.space import FAMILY

STEEP = 1.25
"""The family at rank r by its best trial is chosen with a share of r**-STEEP."""
STARTUP = 10
"""Random draws, those of all families together; at least FEWEST in each."""
FEWEST = 5
FIXED_PARAMS = "fixed_params"
"""Optuna's attribute of a trial whose values were asked for."""


class FamilyTPE(BaseSampler):
    """Nothing is kept but the families of open proposals: all else follows from the study."""

    def __init__(self, families: Sequence[str], seed: int) -> None:
        self.families, self.seed = tuple(families), seed
        self.startup = max(FEWEST, STARTUP // len(families))
        self._samplers = {
            family: TPESampler(seed=seed + place, n_startup_trials=self.startup)
            for place, family in enumerate(families)
        }
        self._chosen: dict[int, str] = {}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What the family's TPE models together; the family itself is settled here."""
        family = self._settle(study, trial)
        found = self._samplers[family].infer_relative_search_space(_of(study, family), trial)
        return {name: each for name, each in found.items() if name != FAMILY}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the family's TPE."""
        family = self._settle(study, trial)
        return self._samplers[family].sample_relative(_of(study, family), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The family, or what its TPE does not model together."""
        family = self._settle(study, trial)
        if param_name == FAMILY:
            return family
        view, sampler = _of(study, family), self._samplers[family]
        return sampler.sample_independent(view, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """See BaseSampler."""
        self._settle(study, trial)

    def after_trial(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,
        state: TrialState,  # noqa: ARG002
        values: Sequence[float] | None,  # noqa: ARG002
    ) -> None:
        """See BaseSampler."""
        self._chosen.pop(trial.number, None)

    def _settle(self, study: optuna.Study, trial: FrozenTrial) -> str:
        """The family of a trial: as asked for, as proposed before, or as its rank has it."""
        asked = {**trial.system_attrs.get(FIXED_PARAMS, {}), **trial.params}.get(FAMILY)
        if asked is not None:
            return str(asked)
        if trial.number not in self._chosen:
            past = study.get_trials(deepcopy=False)
            others = [each for each in past if each.number != trial.number]
            generator = np.random.default_rng([self.seed, trial.number])
            self._chosen[trial.number] = self._choose(others, generator)
        return self._chosen[trial.number]

    def _choose(self, trials: Collection[FrozenTrial], generator: np.random.Generator) -> str:
        counts, best = dict.fromkeys(self.families, 0), dict.fromkeys(self.families, -np.inf)
        for trial in trials:
            family = trial.params.get(FAMILY)
            if family in counts:
                counts[family] += 1
                best[family] = max(best[family], _best(trial))
        if min(counts.values()) < self.startup:
            return min(self.families, key=lambda family: counts[family])
        ranked = sorted(self.families, key=lambda family: -best[family])
        shares = np.arange(1, len(ranked) + 1, dtype=np.float64) ** -STEEP
        return str(generator.choice(ranked, p=shares / shares.sum()))


def _best(trial: FrozenTrial) -> float:
    """The best score of a trial, whether it was trained to its end or not; higher is better."""
    known = [value for value in trial.intermediate_values.values() if np.isfinite(value)]
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        known.append(trial.value)
    return max(known, default=-np.inf)


class _Family:
    """A study as if it had only the trials of one family."""

    def __init__(self, study: optuna.Study, family: str) -> None:
        self._study, self._family = study, family

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(self, *arguments: Any, **options: Any) -> list[FrozenTrial]:
        return self._own(self._study._get_trials(*arguments, **options))

    def get_trials(self, *arguments: Any, **options: Any) -> list[FrozenTrial]:
        return self._own(self._study.get_trials(*arguments, **options))

    def _own(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [trial for trial in trials if trial.params.get(FAMILY) == self._family]


def _of(study: optuna.Study, family: str) -> Any:
    return _Family(study, family)
