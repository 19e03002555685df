"""Learning curves: the validation score of every trial by epoch, coloured by how it ended."""

from plotly.graph_objects import Figure, Scatter

from models.pages import Block, Chart, Note, figure, plain
from search.report.history import History, Trial
from search.report.look import COLOURS, FLOOR_COLOUR, WORDS
from search.report.overview import floor_score
from search.scoreboard import RowState

DRAWN: tuple[RowState, ...] = ("pruned", "failed", "interrupted", "running", "complete")
"""In this order, so that complete trials lie on top."""
MANY = 40
"""Trials with one outcome from which on their lines are fainter."""
A_LINE = 3
"""Parameters in a line of what a pointer shows."""


def learning_curves(history: History) -> list[Block]:
    """The figure; one sentence where no trial has a score."""
    drawn = [trial for trial in history.trials if trial.curve]
    if not drawn:
        return [Note("No trial has finished an epoch with a score yet.")]
    words = (
        "Point at a line to see its trial; click on an outcome to hide it, twice to see it alone."
    )
    return [Note(words), Chart(curves_figure(history, drawn))]


def curves_figure(history: History, drawn: list[Trial]) -> Figure:
    """A line a trial, the floor dashed."""
    made = figure(480, xaxis_title="epoch", yaxis_title="validation correlation")
    for state in DRAWN:
        alike = [trial for trial in drawn if trial.state == state]
        for index, trial in enumerate(alike):
            line = _line(trial, history.values(trial), len(alike))
            made.add_trace(line.update(showlegend=index == 0))
    last = max(epoch for trial in drawn for epoch, _ in trial.curve)
    made.update_xaxes(range=[0.5, last + 0.5], dtick=1 if last <= 25 else None)
    score = floor_score(history)
    if score is not None:
        made.add_trace(_floor(score, last + 0.5))
    return made


def _line(trial: Trial, values: list[str], of: int) -> Scatter:
    """A trial's curve, one `of` so many with its outcome: the more, the fainter."""
    width = 1.8 if trial.state == "complete" and of <= MANY else 1.1
    return Scatter(
        x=[epoch for epoch, _ in trial.curve],
        y=[score for _, score in trial.curve],
        mode="lines+markers",
        line={"color": COLOURS[trial.state], "width": width},
        marker={
            "size": 4 if of <= MANY else 3,
            "symbol": "x" if trial.state == "failed" else "circle",
        },
        opacity=0.85 if of <= MANY else 0.4,
        name=f"{WORDS[trial.state]} ({of})",
        legendgroup=trial.state,
        hovertemplate=hover(trial, values),
    )


def hover(trial: Trial, values: list[str]) -> str:
    """What a pointer shows of an epoch; plotly reads it as a little HTML."""
    rest = described(trial, values)
    return f"<b>trial {trial.number}</b>: %{{y:.4f}} after epoch %{{x}}<br>{rest}<extra></extra>"


def described(trial: Trial, values: list[str]) -> str:
    """How a trial ended and its parameters, in the little HTML that plotly reads."""
    lines = [", ".join(values[at : at + A_LINE]) for at in range(0, len(values), A_LINE)]
    reason = [trial.reason] if trial.state == "failed" else []
    words = [f"{trial.family}, {WORDS[trial.state]} at {trial.epoch}/{trial.epochs}"]
    return "<br>".join(plain(line) for line in (*words, *lines, *reason))


def _floor(score: float, last: float) -> Scatter:
    return Scatter(
        x=[0.5, last],
        y=[score, score],
        mode="lines",
        line={"color": FLOOR_COLOUR, "width": 1.5, "dash": "dash"},
        name=f"floor {score:.4f}",
        hovertemplate=f"the floor, trained to its end: {score:.4f}<extra></extra>",
    )
