"""What a search looks for: the best score, and with it, where it is asked to, networks that cost little.

The score is the first objective of every search; by it trials are ranked, kept and confirmed. The others
are costs of a network, less being better. With several objectives no trial is simply the best: those
that no other one beats in one objective without being worse in another are the Pareto front.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.study import StudyDirection
from optuna.study._multi_objective import _fast_non_domination_rank
from optuna.trial import FrozenTrial

from models.config import load_config, nest
from models.recordings.where import Where
from search.attributes import ATTRIBUTE_PARAMETERS, ATTRIBUTE_SECONDS
from search.constraints import mice_of, parameter_count

Objective = Literal["score", "parameters", "seconds"]
ONE: tuple[Objective, ...] = ("score",)
"""Of a search for which nothing else is said."""
TITLES: Mapping[str, str] = {"parameters": "parameters of the network", "seconds": "s an epoch"}
"""Of the costs."""


def ordered(names: Iterable[Objective]) -> tuple[Objective, ...]:
    """The objectives of a search that was asked for these: each once, the score first."""
    return tuple(dict.fromkeys([*ONE, *names]))


def directions(objectives: Sequence[str]) -> list[StudyDirection]:
    """What Optuna is to do with each: the score is to be large, costs are to be small."""
    up, down = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    return [up if name in ONE else down for name in objectives]


def objectives_of(study: optuna.Study) -> tuple[str, ...]:
    """Those that a study was begun with."""
    return tuple(study.metric_names or ONE)


def measured(objectives: Sequence[str], data: Where) -> Callable[[Mapping[str, Any]], int | None]:
    """A function of a flat configuration: the parameters of its network for these recordings.

    None where they are no objective: then nothing is counted.
    """
    if "parameters" not in objectives:
        return lambda _: None
    mice, size = mice_of(data)
    return lambda flat: parameter_count(load_config(nest(flat)), mice, size)


def costs_of(attributes: Mapping[str, Any]) -> dict[str, float]:
    """What a trial with these attributes is known to cost; of seconds, the mean of its epochs."""
    found: dict[str, float] = {}
    if ATTRIBUTE_PARAMETERS in attributes:
        found["parameters"] = attributes[ATTRIBUTE_PARAMETERS]
    if attributes.get(ATTRIBUTE_SECONDS):
        found["seconds"] = float(np.mean(list(attributes[ATTRIBUTE_SECONDS].values())))
    return found


def values_of(
    objectives: Sequence[str], score: float | None, costs: Mapping[str, float]
) -> list[float]:
    """The values of a trial as Optuna is told them; what is not known of it counts as the worst."""
    known = {name: costs.get(name, math.inf) for name in objectives if name not in ONE}
    return [-math.inf if score is None else score, *known.values()]


def score_of(trial: FrozenTrial) -> float | None:
    """The score of a trial that was told its values; None for others."""
    return trial.values[0] if trial.values else None


def ranks(values: Sequence[Sequence[float]]) -> NDArray[np.int64]:
    """By trial, on which front its values are: 0 on the Pareto front, 1 on that of the rest, ...

    The first value of each is to be large, the others small; equal ones are on the same front. With a
    single objective this is the rank of the score. Non-dominated sorting (Deb et al., 2002).
    """
    if not values:
        return np.array([], dtype=np.int64)
    losses = np.array(values, dtype=float)
    losses[:, 0] *= -1
    found: NDArray[np.int64] = _fast_non_domination_rank(losses)
    return found


class Told(Protocol):
    """A trial as a scoreboard or a report has it."""

    @property
    def number(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def score(self) -> float | None: ...
    @property
    def costs(self) -> Mapping[str, float]: ...


Trial = TypeVar("Trial", bound=Told)


def front(rows: Iterable[Trial], objectives: Sequence[str]) -> list[Trial]:
    """The complete trials on the Pareto front, best score first; none where the score is all."""
    complete = [row for row in rows if row.state == "complete" and row.score is not None]
    if len(objectives) == len(ONE) or not complete:
        return []
    places = ranks([values_of(objectives, row.score, row.costs) for row in complete])
    found = [row for row, place in zip(complete, places, strict=True) if place == 0]
    return sorted(found, key=lambda row: (-(row.score or 0.0), row.number))
