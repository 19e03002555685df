"""Warm start: what an earlier search tried, told to the sampler of a new one.

A trial is taken over where the new space has a point that is the same run but for its seed. All others
say something about other runs, or about the same ones at another budget, and are left out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from models.config import flatten
from models.errors import ConfigurationError
from search.attributes import (
    ATTRIBUTE_FLAT,
    ATTRIBUTE_PARAMETERS,
    ATTRIBUTE_SECONDS,
    ATTRIBUTE_WARM,
    ATTRIBUTE_WARM_FLAT,
)
from search.domains import Domain, Fixed
from search.objectives import ONE, costs_of, objectives_of, score_of, values_of
from search.proposing import known_points, point_key
from search.space import Flat, Space, build

TAKEN = (TrialState.COMPLETE, TrialState.PRUNED)
EPOCHS = "training.epochs"
NEUTRAL = {
    "seed",
    "training.channels_last",
    "training.checkpoint_minutes",
    "training.compile",
    "training.device_cache",
}
"""Names in which runs may differ and their scores be compared."""


class Incompatible(Exception):
    """A trial that is no trial of the new space; the text says why."""


@dataclass(frozen=True)
class WarmReport:
    """What became of the trials of an earlier search."""

    source: str
    added: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many for each reason."""

    def lines(self) -> list[str]:
        """For a user: what was taken over, and what was not."""
        reasons = sorted(self.left_out.items(), key=lambda item: -item[1])
        first = f"warm start: {self.added} trials taken over from '{self.source}'"
        return [first, *(f"  {count} left out: {reason}" for reason, count in reasons)]


@dataclass(frozen=True)
class Point:
    """A configuration of a space, and as Optuna keeps it: values and distributions by label."""

    flat: Flat
    params: dict[str, Any]
    distributions: dict[str, BaseDistribution]


def warm_start(
    study: optuna.Study,
    space: Space,
    source: optuna.Study,
    source_name: str,
    parameters: Callable[[Flat], int | None] = lambda _: None,
) -> WarmReport:
    """Add the trials of `source` that ended, complete or stopped early, as far as they fit.

    Called again it adds nothing twice. Trials that `source` had taken over itself are not handed on.
    The objectives of `source` may be others: its trials count with those of `study`, and one that lacks
    a value of these is left out. `parameters` counts those of a network, where they are an objective.
    """
    known, left_out = known_points(study), Counter[str]()
    objectives = objectives_of(study)
    added = []
    for trial in source.get_trials(deepcopy=False, states=TAKEN):
        if ATTRIBUTE_FLAT not in trial.user_attrs:
            continue
        try:
            point = point_of(space, trial.user_attrs[ATTRIBUTE_FLAT])
            costs = _costs(trial, objectives, parameters(point.flat))
        except Incompatible as reason:
            left_out[str(reason)] += 1
            continue
        if point_key(point.flat) in known:
            left_out["this search has the same configuration already"] += 1
            continue
        known.add(point_key(point.flat))
        added.append(_taken_over(trial, point, source_name, objectives, costs))
    study.add_trials(added)
    return WarmReport(source_name, len(added), left_out)


def point_of(space: Space, flat: Mapping[str, Any]) -> Point:
    """The point of the space that is the same run as `flat`. Raises Incompatible."""
    there = _whole(flat)
    point = Point({}, {}, {})

    def choose(name: str, label: str, domain: Domain) -> Any:
        if name not in there:
            raise Incompatible(f"they have no {name}")
        if isinstance(domain, Fixed):
            _check_same(name, there[name], domain.value)
            return domain.value
        distribution = domain.distribution()
        if not domain.allows(there[name]) or distribution is None:
            raise Incompatible(f"their {name} is not among the values of this space")
        point.params[label] = domain.stored(there[name])
        point.distributions[label] = distribution
        return there[name]

    point.flat.update(space.walk(choose))
    for name, value in _whole(point.flat).items():
        _check_same(name, there.get(name), value)
    return point


def _check_same(name: str, there: Any, here: Any) -> None:
    """Raise Incompatible where a difference would make another run."""
    if name not in NEUTRAL and there != here:
        budget = ": another budget, at which scores are others" if name == EPOCHS else ""
        raise Incompatible(f"{name} is {there} there and {here} here{budget}")


def _whole(flat: Mapping[str, Any]) -> Flat:
    """A configuration with all its defaults. Raises Incompatible for one that is no run any more."""
    try:
        return flatten(build(flat).model_dump(mode="json"))
    except ConfigurationError as error:
        raise Incompatible(f"they are no runs of this version: {error.problems[0]}") from error


def _costs(trial: FrozenTrial, objectives: Sequence[str], parameters: int | None) -> Flat:
    """The attributes that hold the costs of a trial. Raises Incompatible where one is not known."""
    found: Flat = {} if parameters is None else {ATTRIBUTE_PARAMETERS: parameters}
    if "seconds" in objectives and ATTRIBUTE_SECONDS in trial.user_attrs:
        found[ATTRIBUTE_SECONDS] = trial.user_attrs[ATTRIBUTE_SECONDS]
    missing = [name for name in objectives if name not in (*ONE, *costs_of(found))]
    if missing:
        raise Incompatible(f"they do not tell {' and '.join(missing)}, an objective here")
    return found


def _taken_over(
    trial: FrozenTrial, point: Point, source_name: str, objectives: Sequence[str], costs: Flat
) -> FrozenTrial:
    complete = trial.state == TrialState.COMPLETE
    values = values_of(objectives, score_of(trial), costs_of(costs))
    return create_trial(
        state=trial.state,
        values=values if complete else None,
        params=point.params,
        distributions=point.distributions,
        intermediate_values=dict(trial.intermediate_values),
        user_attrs={ATTRIBUTE_WARM: source_name, ATTRIBUTE_WARM_FLAT: point.flat, **costs},
    )
