"""How alike the candidates are, and what each is worth beside the others."""

import math

from plotly.graph_objects import Bar, Figure, Heatmap
from plotly.subplots import make_subplots

from ensemble.report.rules import NONE
from ensemble.selection import Selection
from models.pages import BLUE, SCALE, Block, Chart, Note, figure, plain

NUMBERS = 12
"""Candidates up to which a cell of the matrix holds its number."""


def likeness(selection: Selection) -> list[Block]:
    """The matrix beside the worths; one sentence for less than two candidates."""
    if not selection.candidates:
        return [Note(NONE)]
    if len(selection.candidates) == 1:
        return [Note("There is one candidate only, so there is none to be like or unlike.")]
    words = (
        "Left: correlations of the candidates' predictions with each other on the held-out trials, "
        "mean over neurons and mice; the best candidate first. Averaging pays where candidates are "
        "good and not alike. Right: what each is worth, which is how much the plain mean of all "
        "candidates falls without it; below 0 the others are better off without."
    )
    return [Note(words), Chart(likeness_figure(selection))]


def likeness_figure(selection: Selection) -> Figure:
    """Both with a row a candidate, the best at the top."""
    count = len(selection.candidates)
    made = make_subplots(
        rows=1, cols=2, column_widths=[0.58, 0.42], shared_yaxes=True, horizontal_spacing=0.14
    )
    made = figure(max(340, 150 + 34 * count), made, showlegend=False)
    labels = [plain(each.label) for each in selection.candidates]
    made.add_trace(_matrix(selection, labels), row=1, col=1)
    made.add_trace(_worths(selection, labels), row=1, col=2)
    made.update_yaxes(type="category", autorange="reversed", showgrid=False)
    made.update_yaxes(title_text="candidate", row=1, col=1)
    made.update_xaxes(type="category", showgrid=False, title_text="candidate", row=1, col=1)
    worth = "worth: fall of the plain mean's correlation without it"
    made.update_xaxes(title_text=worth, zeroline=True, zerolinecolor="#888888", row=1, col=2)
    return made


def _matrix(selection: Selection, labels: list[str]) -> Heatmap:
    between = [list(row) for row in selection.similarity]
    alike = min(map(min, between))
    return Heatmap(
        x=labels,
        y=labels,
        z=between,
        zmin=math.floor(10 * alike) / 10 if alike < 0.99 else 0.0,
        zmax=1.0,
        colorscale=SCALE,
        texttemplate="%{z:.2f}" if len(labels) <= NUMBERS else None,
        xgap=1,
        ygap=1,
        colorbar={"title": {"text": "correlation"}, "x": 0.5, "len": 1.0, "thickness": 12},
        hovertemplate="%{y} and %{x}: %{z:.3f}<extra></extra>",
    )


def _worths(selection: Selection, labels: list[str]) -> Bar:
    worths = [each.worth for each in selection.candidates]
    return Bar(
        x=worths,
        y=labels,
        orientation="h",
        marker={"color": BLUE},
        text=["" if worth is None else f"{worth:+z.4f}" for worth in worths],
        textposition="auto",
        hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
    )
