"""What strategies reached over their seeds: the figures, the table, and who is better in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from models.bench.figure import Figure, less_is_better, more_is_better
from models.console import table, uncut
from models.files import write_bytes

DEFAULT, RANDOM, FIXED = "default", "random", "fixed"
STRATEGIES = (DEFAULT, RANDOM, FIXED)
MEASURES = {"best_confirmed": "best confirmed score", "ensemble_top5": "top-5 ensemble"}
"""Names of figures, and what they are of in words."""
UNITS = {"best_confirmed": "correlation", "ensemble_top5": "of the ceiling"}
FILE = "outcome.json"


class Outcome(BaseModel):
    """What one strategy reached with one seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    best_confirmed: float
    """The best mean over the confirmed blocks, of single-trial correlations in raw units."""
    family: str
    """Of the network that has it."""
    main: float
    """The ensemble's share of the ceiling: mean over the live and the final tier of the main track."""
    ood: float
    """The same of the bonus track."""
    members: int
    """Of the ensemble."""
    trials: int
    """That ended, whether complete or stopped early."""
    complete: int
    cpu_minutes: float
    """Of loading, training and validating before the minutes were over."""

    @property
    def ensemble_top5(self) -> float:
        """The mean of both tracks."""
        return (self.main + self.ood) / 2


Results = Mapping[str, Sequence[Outcome]]
"""By strategy, an outcome a seed."""


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write a finished strategy's outcome, atomically."""
    write_bytes(folder / FILE, outcome.model_dump_json(indent=1).encode())


def read_outcome(folder: Path) -> Outcome | None:
    """The outcome of a strategy's folder; None where it is not finished."""
    path = folder / FILE
    return Outcome.model_validate_json(path.read_text()) if path.exists() else None


@dataclass(frozen=True)
class Values:
    """One number a seed."""

    each: tuple[float, ...]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], name: str) -> "Values":
        """A field of the outcomes."""
        return cls(tuple(float(getattr(outcome, name)) for outcome in outcomes))

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.each))

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds; NaN of one."""
        return float(np.std(self.each, ddof=1)) if len(self.each) > 1 else float("nan")

    def __str__(self) -> str:
        spread = f" +- {self.spread:.4f}" if len(self.each) > 1 else ""
        return f"{self.mean:.4f}{spread}"


def figures(results: Results) -> list[Figure]:
    """Mean and spread of each measure and strategy, with random's as the baseline."""
    made = []
    for measure in MEASURES:
        plain, unit = Values.of(results[RANDOM], measure), UNITS[measure]
        for strategy, outcomes in results.items():
            own = Values.of(outcomes, measure)
            made.append(more_is_better(f"{measure}.{strategy}", own.mean, unit, plain.mean))
            if own.spread > 0 and plain.spread > 0:
                name = f"{measure}_spread.{strategy}"
                made.append(less_is_better(name, own.spread, unit, plain.spread))
    return made


def quality_table(results: Results, minutes: float) -> Table:
    """A row a strategy."""
    title = f"{minutes:g} minutes of processor time each, mean +- spread over the seeds"
    columns = ("best confirmed", "ensemble main", "ensemble OOD", "trials", "complete")
    made = table(title, "strategy", *columns, "CPU min", "best family")
    for strategy, outcomes in results.items():
        scores = (Values.of(outcomes, name) for name in ("best_confirmed", "main", "ood"))
        counts = (Values.of(outcomes, name) for name in ("trials", "complete", "cpu_minutes"))
        families = ", ".join(dict.fromkeys(outcome.family for outcome in outcomes))
        means = (f"{count.mean:.1f}" for count in counts)
        made.add_row(strategy, *map(str, scores), *means, families)
    return uncut(made)


def verdicts(results: Results) -> list[str]:
    """A line a measure: whether the default beats random draws in every seed."""
    return [_verdict(results, measure) for measure in MEASURES]


def _verdict(results: Results, measure: str) -> str:
    ours, plain = (Values.of(results[name], measure) for name in (DEFAULT, RANDOM))
    what, apart = MEASURES[measure], f"{ours.mean - plain.mean:+.4f} apart"
    if len(ours.each) == 1:
        return f"{what}: one seed does not tell whether default beats random; they are {apart}"
    if min(ours.each) > max(plain.each):
        seeds = f"its worst seed {min(ours.each):.4f}, random's best {max(plain.each):.4f}"
        return f"{what}: default beats random outside the spread ({seeds})"
    if min(plain.each) > max(ours.each):
        seeds = f"its worst seed {min(plain.each):.4f}, default's best {max(ours.each):.4f}"
        return f"{what}: random beats default outside the spread ({seeds})"
    return f"{what}: default does not beat random outside the spread; the means are {apart}"
