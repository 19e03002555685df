"""The Pareto front: which trials no other one beats in one objective without being worse in another."""

from collections.abc import Sequence
from pathlib import Path

from plotly.graph_objects import Figure, Scatter

from models.pages import Block, Chart, Note, Table, figure
from search.objectives import ONE, TITLES, front
from search.report.best import run_link
from search.report.curves import described
from search.report.history import History, Trial
from search.report.look import COLOURS, FLOOR_COLOUR, WENT_ON
from search.report.overview import floor_score
from search.tables import cost_text


def pareto_front(history: History, page: Path) -> list[Block]:
    """A figure a cost and a table of the front, for a page that lies at `page`."""
    costs = [name for name in history.plan.objectives if name not in ONE]
    best = front(history.trials, history.plan.objectives)
    if not best:
        return [Note("No trial has trained its full budget yet, so there is no front.")]
    words = (
        f"Trials with their full budget. {len(best)} of {len(history.ranked())} are on the front: no "
        "other one is better in one objective without being worse in another."
    )
    charts = [Chart(front_figure(history, best, name), TITLES[name]) for name in costs]
    columns = ("trial", "family", "score", *(TITLES[name] for name in costs), "parameters", "run")
    rows = [
        [
            str(trial.number),
            trial.family,
            f"{trial.score:.4f}",
            *(cost_text(trial.costs.get(name)) for name in costs),
            ", ".join(history.values(trial)),
            run_link(history, trial, page),
        ]
        for trial in best
    ]
    table = Table(columns, rows, left=2, words=2, wide=[len(columns) - 2])
    return [Note(words), *charts, table]


def front_figure(history: History, best: Sequence[Trial], name: str) -> Figure:
    """Scores over a cost; the front in steps where this is the only one, the floor dashed."""
    made = figure(400, xaxis_title=TITLES[name], yaxis_title="validation correlation")
    known = [trial for trial in history.ranked() if name in trial.costs]
    on = {trial.number for trial in best}
    rest = [trial for trial in known if trial.number not in on]
    members = sorted((each for each in known if each.number in on), key=lambda t: t.costs[name])
    if rest:
        made.add_trace(_points(history, rest, name).update(name=f"beaten ({len(rest)})"))
    drawn = _points(history, members, name).update(
        name=f"the front ({len(members)})", marker={"color": COLOURS["complete"], "size": 9}
    )
    if len(history.plan.objectives) == 2:
        line = {"color": COLOURS["complete"], "width": 1.5, "shape": "hv"}
        drawn.update(mode="lines+markers", line=line)
    made.add_trace(drawn)
    score = floor_score(history)
    if score is not None:
        made.add_hline(
            score,
            line={"dash": "dash", "color": FLOOR_COLOUR, "width": 1.5},
            annotation_text=f"floor {score:.4f}",
        )
    return made


def _points(history: History, trials: Sequence[Trial], name: str) -> Scatter:
    return Scatter(
        x=[trial.costs[name] for trial in trials],
        y=[trial.score for trial in trials],
        customdata=[
            f"trial {trial.number}: {described(trial, history.values(trial))}" for trial in trials
        ],
        mode="markers",
        marker={"color": WENT_ON, "size": 7, "line": {"color": "#888888", "width": 1}},
        hovertemplate=f"%{{y:.4f}} with %{{x:.4s}} {TITLES[name]}<br>%{{customdata}}<extra></extra>",
    )
