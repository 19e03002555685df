"""The gain over the best single member, drawn: mouse by mouse, and neuron by neuron."""

import math
from collections.abc import Mapping

import numpy as np
from plotly.graph_objects import Bar, Figure, Scatter
from plotly.subplots import make_subplots

from ensemble.numbers import with_error
from ensemble.report.gains import Gains, MouseGain
from ensemble.report.names import short_mice
from models.pages import BLUE, INK, ORANGE, Block, Chart, Note, Table, figure, plain

MOST = 3000
"""Neurons drawn, of all mice together."""
ACROSS = 4
"""Panels side by side."""


def gain(gains: Gains, rule: str, imported: int) -> list[Block]:
    """Table and figures; one sentence where the gain is not known or there is one member only."""
    if not gains.mice:
        return [Note(gains.missing)]
    if len(gains.members) == 1:
        return [Note(f"One model alone, {gains.members[0].label}: there is no gain over itself.")]
    words = (
        f"Single-trial correlation in raw units on the trials that all {len(gains.members)} "
        f"members held out; the best single member is {gains.members[0].label}. Members and weights "
        f"({rule}) were chosen on these same trials, so that gains look too good here; the optimism "
        "in the table of rules tells by how much. Errors are standard errors over blocks of trials."
    )
    without = f" Without the imported members ({imported}): their held-out trials are not known."
    drawn = sampled(gains.mice)
    count = sum(len(each.single) for each in gains.mice.values())
    shown = sum(len(each) for each in drawn.values())
    rest = "" if shown == count else f", {shown:,} of {count:,}, evenly taken"
    each = (
        "Correlations in raw units. Above the line the ensemble is better; the shares in the titles "
        f"are of all neurons. Drawn are {'all' if shown == count else 'some'} of them{rest}, "
        "numbered from 0 as in the arrays."
    )
    return [
        Note(words + (without if imported else "")),
        _table(gains.mice),
        Chart(mice_figure(gains.mice), "Gain of each mouse"),
        Chart(neurons_figure(gains.mice, drawn), "Each neuron: best single member and ensemble"),
        Note(each),
    ]


def sampled(mice: Mapping[str, MouseGain], most: int = MOST) -> dict[str, list[int]]:
    """By mouse, the places of the neurons to draw: all, or about `most` together, evenly taken."""
    count = sum(len(each.single) for each in mice.values())
    step = max(1, math.ceil(count / most))
    return {mouse: list(range(0, len(each.single), step)) for mouse, each in mice.items()}


def mice_figure(mice: Mapping[str, MouseGain]) -> Figure:
    """A bar a mouse with its standard error."""
    made = figure(
        130 + 34 * len(mice), xaxis_title="gain: ensemble minus best single member, correlation"
    )
    names = short_mice([*mice])
    errors = [0.0 if math.isnan(each.error) else each.error for each in mice.values()]
    made.add_trace(
        Bar(
            x=[each.gain for each in mice.values()],
            y=[plain(names[mouse]) for mouse in mice],
            orientation="h",
            width=0.6,
            marker={"color": [BLUE if each.gain > 0 else ORANGE for each in mice.values()]},
            error_x={"type": "data", "array": errors, "color": INK, "thickness": 1.5},
            hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
        )
    )
    made.update_yaxes(type="category", autorange="reversed", showgrid=False)
    made.update_xaxes(zeroline=True, zerolinecolor="#888888", rangemode="tozero")
    return made


def neurons_figure(mice: Mapping[str, MouseGain], drawn: Mapping[str, list[int]]) -> Figure:
    """A panel a mouse, all with the same axes."""
    names, across = short_mice([*mice]), min(ACROSS, max(3, len(mice)))
    down = math.ceil(len(mice) / across)
    places: list[list[dict[str, str] | None]] = [
        [{} if row * across + column < len(mice) else None for column in range(across)]
        for row in range(down)
    ]
    made = make_subplots(
        rows=down,
        cols=across,
        specs=places,
        subplot_titles=[f"{plain(names[m])}: {each.better:.0%} above" for m, each in mice.items()],
        horizontal_spacing=0.06,
        vertical_spacing=0.26 / down,
    )
    height = 130 + (1100 // across + 60) * down
    made = figure(height, made, showlegend=False, margin={"l": 70, "r": 25, "t": 70, "b": 60})
    made.update_annotations(font_size=14)
    low, high = _range(mice, drawn)
    for place, (mouse, each) in enumerate(mice.items()):
        where = {"row": place // across + 1, "col": place % across + 1}
        made.add_trace(_line(low, high), **where)
        made.add_trace(_dots(each, drawn[mouse]), **where)
    made.update_xaxes(range=[low, high], title_text="best single member")
    made.update_yaxes(range=[low, high])
    made.update_yaxes(title_text="ensemble", col=1)
    return made


def _range(mice: Mapping[str, MouseGain], drawn: Mapping[str, list[int]]) -> tuple[float, float]:
    values = np.concatenate(
        [v[drawn[m]] for m, each in mice.items() for v in (each.single, each.ensemble)]
    )
    edge = 0.04 * (values.max() - values.min()) + 1e-3
    return float(values.min() - edge), float(values.max() + edge)


def _line(low: float, high: float) -> Scatter:
    line = {"color": INK, "width": 1, "dash": "dot"}
    return Scatter(x=[low, high], y=[low, high], mode="lines", line=line, hoverinfo="skip")


def _dots(each: MouseGain, places: list[int]) -> Scatter:
    many = len(places) > 200
    return Scatter(
        x=np.round(each.single[places], 4).tolist(),
        y=np.round(each.ensemble[places], 4).tolist(),
        customdata=places,
        mode="markers",
        marker={"color": BLUE, "size": 4 if many else 7, "opacity": 0.45 if many else 0.75},
        hovertemplate="neuron %{customdata}: %{x:.4f} alone, %{y:.4f} together<extra></extra>",
    )


def _table(mice: Mapping[str, MouseGain]) -> Table:
    columns = ("mouse", "neurons", "best single", "ensemble", "gain", "neurons that gain")
    rows = [
        [
            mouse,
            f"{len(each.single):,}",
            f"{each.single.mean():.4f}",
            f"{each.ensemble.mean():.4f}",
            with_error(each.gain, None if math.isnan(each.error) else each.error, "+z.4f"),
            f"{each.better:.0%}",
        ]
        for mouse, each in mice.items()
    ]
    return Table(columns, rows)
