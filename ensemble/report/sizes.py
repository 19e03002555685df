"""Scores against the number of members: each alone, and the plain mean of the best so many."""

from plotly.graph_objects import Figure, Scatter

from ensemble.report.rules import NONE
from ensemble.selection import RuleScore, Selection
from models.pages import BLUE, INK, ORANGE, Block, Chart, Note, figure, plain


def sizes(selection: Selection) -> list[Block]:
    """The figure; one sentence where there is no candidate."""
    if not selection.candidates:
        return [Note(NONE)]
    words = (
        "Candidates in the order of their scores on the held-out trials. The line is the plain mean "
        "of the best so many; nothing is fitted in it but the order of the candidates. Filled "
        "dots have a weight in the ensemble. Dashed is what the used rule reaches on trials that it "
        "was not fitted to, with its standard error."
    )
    return [Note(words), Chart(sizes_figure(selection))]


def sizes_figure(selection: Selection) -> Figure:
    """Single scores as dots, plain means as a line, the used rule's cross-fitted score dashed."""
    made = figure(
        420,
        xaxis_title="number of members (best first)",
        yaxis_title="single-trial correlation, raw units",
    )
    places = list(range(1, len(selection.candidates) + 1))
    labels = [plain(each.label) for each in selection.candidates]
    used = [each.weight > 0 for each in selection.candidates]
    together = Scatter(
        x=places,
        y=[each.together for each in selection.candidates],
        mode="lines+markers",
        line={"color": BLUE, "width": 2},
        marker={"size": 5},
        name="plain mean of the best so many",
        hovertemplate="the best %{x}: %{y:.4f}<extra></extra>",
    )
    single = Scatter(
        x=places,
        y=[each.single for each in selection.candidates],
        mode="markers",
        marker={
            "color": ORANGE,
            "size": 9,
            "symbol": ["circle" if each else "circle-open" for each in used],
            "line": {"width": 2, "color": ORANGE},
        },
        name="each candidate alone",
        customdata=labels,
        hovertemplate="%{customdata} alone: %{y:.4f}<extra></extra>",
    )
    last = len(places) + 0.5
    made.add_traces([*_level(selection.rule, last), together, single])
    made.update_xaxes(range=[0.5, last], dtick=1 if len(places) <= 25 else None)
    return made


def _level(rule: RuleScore, last: float) -> list[Scatter]:
    """The rule's cross-fitted score with its error, or the in-sample one where there is none."""
    told = "in-sample" if rule.cross_fitted is None else "cross-fitted"
    score = rule.in_sample if rule.cross_fitted is None else rule.cross_fitted
    line = Scatter(
        x=[0.5, last],
        y=[score, score],
        mode="lines",
        line={"color": INK, "width": 1.5, "dash": "dash"},
        name=f"{rule.rule}, {told}: {score:.4f}",
        hoverinfo="skip",
    )
    if rule.cross_fitted is None or rule.error is None:
        return [line]
    return [_band(score - rule.error, score + rule.error, last), line]


def _band(low: float, high: float, last: float) -> Scatter:
    """A trace and no shape, so that the axis makes room for it."""
    return Scatter(
        x=[0.5, last, last, 0.5],
        y=[low, low, high, high],
        fill="toself",
        fillcolor="rgba(153, 153, 153, 0.18)",
        mode="lines",
        line={"width": 0},
        showlegend=False,
        hoverinfo="skip",
    )
