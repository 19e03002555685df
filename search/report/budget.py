"""What the hours went into, by outcome and family, and how the best score grew with them."""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

from plotly.graph_objects import Bar, Figure, Scatter

from models.pages import Block, Chart, Note, figure
from models.runs import FLOOR_RUN
from search.report.history import History, Trial
from search.report.look import COLOURS, WORDS
from search.report.overview import floor_score, hours_text
from search.scoreboard import RowState

Cell = tuple[str, RowState]
"""A family and an outcome."""
ORDER: tuple[RowState, ...] = ("complete", "pruned", "failed", "running", "interrupted")
ALL = "all trials"


def budget(history: History) -> list[Block]:
    """Hours by family and outcome, and the best score over hours."""
    spent = hours_by(history.trials)
    if not sum(spent.values()):
        return [Note("No run has a record of its time yet.")]
    chart = Chart(hours_figure(spent, history.hours.by_key.get(FLOOR_RUN), history.unit))
    steps = best_over_hours(history.trials)
    if not steps:
        words = "No trial has trained its full budget yet, so there is no best score over hours."
        return [Note(_words(history, spent)), chart, Note(words)]
    growth = Chart(
        growth_figure(steps, floor_score(history), history.unit), "Best score over hours"
    )
    return [Note(_words(history, spent)), chart, growth]


def _words(history: History, spent: Mapping[Cell, float]) -> str:
    """The hours by outcome, and how they are known."""
    total = sum(spent.values())
    shares = {state: sum(spent[cell] for cell in spent if cell[1] == state) for state in ORDER}
    parts = [
        f"{hours_text(hours)} ({hours / total:.0%}) {WORDS[state]}"
        for state, hours in shares.items()
        if hours
    ]
    words = f"{hours_text(total)} {history.unit} of trials: {', '.join(parts)}."
    if not history.hours.measured:
        words += (
            " These are the sums of finished epochs; starting up and broken epochs are not in them."
        )
    unknown = sum(trial.hours is None for trial in history.trials)
    return words + (f" Nothing tells the hours of {unknown} of the trials." if unknown else "")


def hours_by(trials: Sequence[Trial]) -> dict[Cell, float]:
    """Hours by family and outcome; trials without a record count nothing."""
    spent: defaultdict[Cell, float] = defaultdict(float)
    for trial in trials:
        spent[trial.family, trial.state] += trial.hours or 0.0
    return dict(spent)


def best_over_hours(trials: Sequence[Trial]) -> list[tuple[float, float, int]]:
    """(hours of all trials that ended until then, best score, its trial) at each complete trial.

    Trials count when they end, with all of their hours.
    """
    ended = [(trial.ended, trial) for trial in trials if trial.ended is not None]
    ordered = [trial for _, trial in sorted(ended, key=lambda pair: (pair[0], pair[1].number))]
    hours = itertools.accumulate(trial.hours or 0.0 for trial in ordered)
    steps: list[tuple[float, float, int]] = []
    for spent, trial in zip(hours, ordered, strict=True):
        if trial.state == "complete" and trial.score is not None:
            best = (trial.score, trial.number)
            if steps and steps[-1][1] >= trial.score:
                best = steps[-1][1:]
            steps.append((spent, *best))
    return steps


def hours_figure(spent: Mapping[Cell, float], floor: float | None, unit: str) -> Figure:
    """A stacked bar a family, all trials on top, the floor at the bottom."""
    families = sorted({family for family, _ in spent}, key=lambda name: -_of(spent, name))
    rows = [ALL, *families] if len(families) > 1 else families
    made = figure(130 + 34 * (len(rows) + 1), barmode="stack", bargap=0.35, xaxis_title=unit)
    for state in ORDER:
        hours = [_of(spent, row, state) for row in rows]
        if any(hours):
            made.add_trace(_bar(rows, hours, WORDS[state], COLOURS[state]))
    if floor:
        made.add_trace(_bar([f"{FLOOR_RUN} (beside)"], [floor], "the floor", "#222222"))
    made.update_yaxes(autorange="reversed", ticksuffix="  ", gridcolor="white")
    return made


def _of(spent: Mapping[Cell, float], row: str, state: RowState | None = None) -> float:
    """Hours of a family or of all trials, in one state or in all."""
    return sum(
        hours
        for (family, each), hours in spent.items()
        if row in (ALL, family) and state in (None, each)
    )


def _bar(rows: Sequence[str], hours: Sequence[float], name: str, colour: str) -> Bar:
    return Bar(
        x=hours,
        y=rows,
        orientation="h",
        name=name,
        marker={"color": colour},
        hovertemplate=f"%{{y}}, {name}: %{{x:.3g}} hours<extra></extra>",
    )


def growth_figure(
    steps: Sequence[tuple[float, float, int]], floor: float | None, unit: str
) -> Figure:
    """Steps of the best score so far, a point where a trial completed; the floor dashed."""
    made = figure(340, xaxis_title=f"{unit} of ended trials", yaxis_title="best score so far")
    made.add_trace(
        Scatter(
            x=[spent for spent, _, _ in steps],
            y=[score for _, score, _ in steps],
            customdata=[number for _, _, number in steps],
            mode="lines+markers",
            line={"shape": "hv", "color": COLOURS["complete"], "width": 2},
            hovertemplate="trial %{customdata}: %{y:.4f} after %{x:.3g} hours<extra></extra>",
        )
    )
    if floor is not None:
        made.add_hline(floor, line={"dash": "dash", "color": "#222222", "width": 1.5})
        made.add_annotation(
            x=1,
            xref="paper",
            xanchor="right",
            y=floor,
            yshift=10,
            text=f"floor {floor:.4f}",
            showarrow=False,
        )
    made.update_layout(showlegend=False, margin={"t": 34})
    made.update_xaxes(rangemode="tozero")
    return made
