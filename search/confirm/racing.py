"""A race of configurations over blocks: those that paired scores say cannot win are stopped.

A block is a fold and a seed, the same for every candidate, so that how hard a fold is and how lucky a
seed is drop out of the difference of two candidates. After each complete block the candidate with the
best mean leads, and every other is compared with it by a one-sided paired t-test over the blocks so
far. Races of models are of Maron and Moore (1994, Hoeffding races), with tests over blocks of Birattari
et al. (2002, F-race); the t-test with Holm's correction in place of Friedman's is the choice of the
R package irace offers (López-Ibáñez et al. 2016). Two simplifications: the level holds for each look and
not for all looks together, and blocks count as independent, though networks of two folds share trials.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

LEVEL = 0.05
"""Of the tests after one block, all candidates together."""
FEWEST = 3
"""Blocks before which nobody is stopped."""
Scores = Mapping[int, Sequence[float | None]]
"""By candidate, one a block, higher is better; None is not there yet, NaN a run that failed."""


@dataclass(frozen=True)
class Race:
    """How a race stands after its complete blocks."""

    blocks: int
    """From the first on, those in which everyone who then ran has a score."""
    running: list[int]
    """Who can still win, in the order given."""
    leader: int | None
    """Who of them has the best mean over the complete blocks; None before the first."""
    stopped: dict[int, str] = field(default_factory=dict)
    """Who cannot win, and why."""


def race(scores: Scores, dropped: Mapping[int, str] | None = None) -> Race:
    """Run the race again from its first block; the same scores give the same race.

    `dropped` is who was stopped in an earlier race for good, and why: its scores count as far as they
    go, but it cannot win. A candidate with a failed run is not in the race: it cannot win, so it stops
    nobody. Ties are won by who comes first.
    """
    gone = dropped or {}
    running = [each for each, row in scores.items() if not has_failed(row)]
    total = max((len(row) for row in scores.values()), default=0)
    stopped: dict[int, str] = {}
    blocks = 0
    while running and blocks < total:
        silent = [each for each in running if scores[each][blocks] is None]
        stopped |= {each: gone[each] for each in silent if each in gone}
        running = [each for each in running if each not in stopped]
        if not running or any(each not in gone for each in silent):
            break
        blocks += 1
        rows = _first(scores, running, blocks)
        stopped |= hopeless(rows, _best(rows))
        running = [each for each in running if each not in stopped]
    stopped |= {each: gone[each] for each in running if each in gone}
    running = [each for each in running if each not in gone]
    leader = _best(_first(scores, running, blocks)) if running and blocks else None
    return Race(blocks, running, leader, stopped)


def _first(scores: Scores, running: Sequence[int], blocks: int) -> dict[int, np.ndarray]:
    return {each: np.array(scores[each][:blocks], dtype=np.float64) for each in running}


def _best(rows: Mapping[int, np.ndarray]) -> int:
    return max(rows, key=lambda each: float(rows[each].mean()))


def hopeless(rows: Mapping[int, np.ndarray], leader: int) -> dict[int, str]:
    """The candidates whose scores (blocks,) say that they are worse than the leader, and the reason."""
    blocks = len(rows[leader])
    others = [each for each in rows if each != leader]
    if blocks < FEWEST or not others:
        return {}
    chances = {each: worse_by_chance(rows[each] - rows[leader]) for each in others}
    return {
        each: f"{(rows[leader] - rows[each]).mean():.4f} below trial {leader} over {blocks} blocks, "
        f"p = {chances[each]:.2g}"
        for each in rejected(chances)
    }


def worse_by_chance(differences: np.ndarray) -> float:
    """The p-value of the one-sided paired t-test that the mean of the differences (blocks,) is below 0.

    1 where all differences are 0, and 0 where they are all the same and below it.
    """
    mean, error = mean_and_error(differences)
    if error == 0:
        return 0.0 if mean < 0 else 1.0
    return float(stats.t.cdf(mean / error, len(differences) - 1))


def mean_and_error(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The mean and its standard error; NaN where there are too few values for one."""
    count = len(values)
    mean = float(np.mean(values)) if count else math.nan
    return mean, float(np.std(values, ddof=1) / math.sqrt(count)) if count > 1 else math.nan


def rejected(chances: Mapping[int, float], level: float = LEVEL) -> list[int]:
    """Holm's step-down procedure: whose p-values are small enough, all tests taken together."""
    ordered = sorted(chances, key=lambda each: chances[each])
    for index, each in enumerate(ordered):
        if chances[each] > level / (len(ordered) - index):
            return ordered[:index]
    return ordered


def has_failed(row: Sequence[float | None]) -> bool:
    """Whether a run of a candidate has failed."""
    return any(score is not None and math.isnan(score) for score in row)
