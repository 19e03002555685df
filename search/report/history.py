"""A search as its report sees it: the plan, the trials, the floor, and the hours they took."""

import datetime
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from models.errors import RunError
from models.runs import FLOOR_RUN, RunFolder, Status
from search.plan import Plan, read_plan
from search.report.hours import Hours, hours_of
from search.report.parameters import Parameter, parameters_of, shown
from search.sampler import load_study
from search.scoreboard import Row, RowState
from search.space import FAMILY
from search.tables import floor_status, rows_of

Point = tuple[int, float]
"""An epoch and its validation score."""


@dataclass(frozen=True)
class Trial:
    """One trial of the search."""

    number: int
    flat: Mapping[str, Any]
    state: RowState
    epoch: int
    """Epochs trained."""
    epochs: int
    """The full budget."""
    score: float | None
    """Of the epoch that the run kept, else of the last; None where there is no finite one."""
    reason: str
    costs: Mapping[str, float]
    """What is known of the other objectives, by name."""
    curve: Sequence[Point]
    hours: float | None
    """None where nothing tells them."""
    ended: datetime.datetime | None
    run: RunFolder
    stored: FrozenTrial
    """As Optuna knows it."""

    @property
    def family(self) -> str:
        """The family of its network."""
        return str(self.flat.get(FAMILY, "linear"))


@dataclass(frozen=True)
class History:
    """All of a search; trials in the order of their numbers."""

    plan: Plan
    folder: Path
    trials: Sequence[Trial]
    floor: Status | None
    """How the floor's run ended; None where there is none, or not yet."""
    hours: Hours

    def ranked(self, family: str | None = None) -> list[Trial]:
        """Trials with their full budget and a score, best first; of one family, or of all."""
        found = [each for each in self.trials if each.state == "complete"]
        scored = [(each.score, each) for each in found if each.score is not None]
        ordered = sorted(scored, key=lambda pair: (-pair[0], pair[1].number))
        return [each for _, each in ordered if family in (None, each.family)]

    def families(self) -> list[str]:
        """Those of the trials, the most frequent first."""
        counts = Counter(each.family for each in self.trials)
        return [family for family, _ in counts.most_common()]

    def parameters(self, family: str) -> list[Parameter]:
        """What varies among trials of a family."""
        return parameters_of(self.plan.domains, family)

    def values(self, trial: Trial) -> list[str]:
        """The varied parameters of a trial, as label=value."""
        return shown(self.parameters(trial.family), trial.flat)

    @property
    def unit(self) -> str:
        """What the hours are hours of."""
        return "GPU-hours" if self.plan.gpus_per_trial else "slot-hours"


def read_history(home: Path, name: str) -> History:
    """Read a search that has ended or still runs. Raises RunError for one that is not there."""
    plan, folder = read_plan(home, name), home / name
    study = load_study(folder, name)
    rows = {row.number: row for row in rows_of(study)}
    # Read after the rows, so that a search that goes on in between only adds trials.
    stored = [trial for trial in study.trials if trial.number in rows]
    runs = {number: RunFolder(folder / "runs" / str(number)) for number in rows}
    hours = hours_of(folder, [*runs.values(), RunFolder(folder / FLOOR_RUN)], plan.gpus_per_trial)
    if plan.ended:  # a trial that is still open waits for its search to be resumed
        rows = {number: _left(row) for number, row in rows.items()}
    trials = [_trial(rows[each.number], each, runs[each.number], hours) for each in stored]
    return History(plan, folder, trials, _floor(folder), hours)


def _left(row: Row) -> Row:
    return replace(row, state="interrupted") if row.state == "running" else row


def _trial(row: Row, stored: FrozenTrial, run: RunFolder, hours: Hours) -> Trial:
    told = stored.values[0] if row.state == "complete" and stored.values else row.score
    points = sorted(stored.intermediate_values.items())
    return Trial(
        number=row.number,
        flat=row.flat,
        state=row.state,
        epoch=row.epoch,
        epochs=row.epochs,
        score=told if told is not None and math.isfinite(told) else None,
        reason=row.reason,
        costs=row.costs,
        curve=[(epoch, score) for epoch, score in points if math.isfinite(score)],
        hours=hours.by_key.get(str(row.number)),
        ended=stored.datetime_complete,
        run=run,
        stored=stored,
    )


def _floor(folder: Path) -> Status | None:
    try:
        return floor_status(folder)
    except RunError:
        return None  # unreadable: the report leaves it out
