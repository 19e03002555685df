"""What a search prints at its end, and what `status` and `list` show."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from rich.table import Table
from rich.text import Text

from models.console import table
from models.errors import RunError
from models.networks.registry import FLOOR
from models.runs import FLOOR_RUN, RunFolder, Status, runs_of_search
from search.alone import is_driven
from search.attributes import ATTRIBUTE_FLAT, ATTRIBUTE_REASON
from search.objectives import ONE, costs_of, front, score_of
from search.plan import Plan, read_plan
from search.progress import duration
from search.sampler import STATES, load_study
from search.scoreboard import Row, Scoreboard, ranked_first
from search.space import FAMILY, build

COLUMNS = ("trial", "family", "state", "epoch", "score", "parameters")
COST_COLUMNS = {"parameters": "size", "seconds": "s/epoch"}
"""Of the other objectives: the last column has the parameters that the search varies."""
FRONT = "*"
STATE_WORDS = {"pruned": "stopped early"}
MOST_PARAMETERS = 4
"""Varied parameters that a line of the table shows."""


def search_table(home: Path, name: str, most: int | None = None) -> Table:
    """The trials of a search, the best first, and its floor. Raises RunError for an unknown name."""
    plan, folder = read_plan(home, name), home / name
    rows = rows_of(load_study(folder, name), is_driven(folder))
    best = {row.number for row in front(rows, plan.objectives)}
    shown = [
        row for place, row in enumerate(rows) if most is None or place < most or row.number in best
    ]
    also = " and the Pareto front" if best else ""
    title = f"Search '{name}'" if len(rows) == len(shown) else f"The best{also} of '{name}'"
    varied, floor = varied_names(plan.domains), floor_status(folder)
    return trials_table(title, shown, varied, floor, plan.objectives)


def trials_table(
    title: str,
    rows: Sequence[Row],
    varied: Sequence[str],
    floor: Status | None,
    objectives: Sequence[str] = ONE,
) -> Table:
    """A line a trial in the order given, the floor last.

    With several objectives there are columns for the others, and a mark for the front of `rows`.
    """
    costs = [name for name in objectives if name not in ONE]
    titles = [COST_COLUMNS[name] for name in costs]
    best = {row.number for row in front(rows, objectives)}
    made = table(title, *COLUMNS[:-1], *titles, left=3)
    made.add_column(COLUMNS[-1], overflow="fold")
    for row in rows:
        more = [cost_text(row.costs.get(name)) for name in costs]
        number = f"{row.number}{FRONT}" if row.number in best else str(row.number)
        made.add_row(number, row.family, *_progress(row), *more, _remark(row, varied))
    made.caption = f"{FRONT} on the Pareto front" if best else None
    if floor is not None:
        made.add_section()
        line = Row(-1, {FAMILY: FLOOR}, floor.epochs)
        line.end(floor)
        made.add_row(FLOOR_RUN, FLOOR, *_progress(line), *["" for _ in titles], floor.reason)
    return made


def cost_text(value: float | None) -> str:
    """What a trial costs, in few letters: 12.3, or 4.56M of parameters."""
    if value is None:
        return "-"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _progress(row: Row) -> tuple[str, str, str]:
    score = "-" if row.score is None else f"{row.score:.4f}"
    return STATE_WORDS.get(row.state, row.state), f"{row.epoch}/{row.epochs}", score


def _remark(row: Row, varied: Sequence[str]) -> Text:
    """The reason of a failure, else the varied parameters that the trial has."""
    if row.state == "failed":
        return Text(row.reason)
    names = [name for name in varied if name in row.flat and name != FAMILY]
    shown = [f"{name.rpartition('.')[2]}={_short(row.flat[name])}" for name in names]
    more = f" +{len(shown) - MOST_PARAMETERS}" if len(shown) > MOST_PARAMETERS else ""
    words = " ".join(shown[:MOST_PARAMETERS]) + more
    return Text(words)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace(" ", "")


def summary(board: Scoreboard) -> str:
    """How many trials ended in which way, and how long it took."""
    counts = [
        f"{board.count('complete')} complete",
        f"{board.count('pruned')} stopped early",
        f"{board.count('failed')} failed",
    ]
    best = front(board.rows.values(), board.objectives)
    counts += [f"{len(best)} on the Pareto front"] if best else []
    interrupted = board.count("interrupted")
    counts += [f"{interrupted} interrupted, which go on when it is resumed"] if interrupted else []
    asked = f" of {board.trials}" if board.trials else ""
    why = f" ({board.ended})" if board.ended and board.settled != board.trials else ""
    return f"{board.settled}{asked} trials: {', '.join(counts)}; {duration(board.seconds)}{why}"


def varied_names(domains: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The names of a recorded space that have more than one fixed value to choose from."""
    return [name for name, each in domains.items() if any("value" not in one for one in each)]


def rows_of(study: optuna.Study, driven: bool = True) -> list[Row]:
    """The trials of a study, complete ones first and best, that have begun to be proposed.

    Without a driver, those that run in the study are interrupted.
    """
    trials = study.get_trials(deepcopy=False)
    rows = {each.number: row_of(each) for each in trials if ATTRIBUTE_FLAT in each.user_attrs}
    for row in rows.values():
        if row.state == "running" and not driven:
            row.state = "interrupted"
    return ranked_first(rows)


def row_of(trial: optuna.trial.FrozenTrial) -> Row:
    """A trial of a study that has a configuration."""
    flat = trial.user_attrs[ATTRIBUTE_FLAT]
    row = Row(trial.number, flat, build(flat).training.epochs)
    row.costs = costs_of(trial.user_attrs)
    if trial.intermediate_values:
        row.epoch, row.score = max(trial.intermediate_values.items())
    states = {stored: state for state, stored in STATES.items()}
    if trial.state in states:
        row.end(row.status(states[trial.state], trial.user_attrs.get(ATTRIBUTE_REASON, "")))
    if trial.state == TrialState.COMPLETE:
        row.score = score_of(trial)  # of the epoch that the run kept, which need not be the last
    return row


def floor_status(folder: Path) -> Status | None:
    """How the floor's run of a search ended; None where there is none, or not yet."""
    run = RunFolder(folder / FLOOR_RUN)
    return run.status() if run.exists else None


def searches_table(home: Path, plans: Iterable[Plan]) -> Table:
    """A line a search."""
    made = table(f"Searches in {home}", "name", "space", "state", "trials", "best", "begun", left=3)
    for plan in plans:
        ended = list(filter(None, map(_status, runs_of_search(home / plan.name))))
        scores = [
            each.score for each in ended if each.state == "complete" and each.score is not None
        ]
        best = f"{max(scores):.4f}" if scores else "-"
        state = _state(home / plan.name, plan)
        count = f"{len(ended)}/{plan.limits.trials or '-'}"
        made.add_row(plan.name, plan.space, state, count, best, plan.created[:16].replace("T", " "))
    return made


def _state(folder: Path, plan: Plan) -> str:
    """Whether a search runs, has ended or can be resumed."""
    if is_driven(folder):
        return "running"
    if plan.ended is None:
        return "killed: resume it"
    return plan.reason or "ended"


def _status(run: RunFolder) -> Status | None:
    try:
        return run.status()
    except RunError:
        return None
