"""Parallel coordinates: which values of the varied parameters went with which score."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.ticker import LogLocator, MaxNLocator
from plotly.graph_objects import Figure, Parcoords

from models.pages import SCALE, Block, Chart, Note, figure
from search.domains import is_number
from search.report.history import History, Trial
from search.report.parameters import Parameter, short

FEWEST = 2
MISSING = "none"
"""The tick of trials in which a parameter does not occur."""
TICKS = 5
Axis = dict[str, Any]


def parallel_coordinates(history: History) -> list[Block]:
    """A figure a family of trials with their full budget; one sentence where there are too few."""
    drawn = {family: history.ranked(family) for family in sorted(history.families())}
    charts = [
        Chart(figure_of(trials, parameters), f"{family}: {len(trials)} complete trials")
        for family, trials in drawn.items()
        if len(trials) >= FEWEST and (parameters := history.parameters(family))
    ]
    if not charts:
        return [Note("There are no two complete trials of one family to compare yet.")]
    words = (
        "A line a trial with its full budget; those that were stopped early are left out, because "
        "their scores are of other epochs. Dark lines have the better scores. Drag along an axis to "
        "pick out lines, drag a name to move its axis."
    )
    few = [family for family, trials in drawn.items() if len(trials) < FEWEST]
    left_out = f" Fewer than two complete trials: {', '.join(few)}." if few else ""
    return [Note(words + left_out), *charts]


def figure_of(trials: Sequence[Trial], parameters: Sequence[Parameter]) -> Figure:
    """An axis a parameter, and the score last; the colour is the score too."""
    scores = [trial.score for trial in trials if trial.score is not None]
    ordered = trials[::-1]  # lines lie on those before them: the best on top
    axes = [_axis(parameter, ordered) for parameter in parameters]
    score: Axis = {"label": "score", "values": scores[::-1], "tickformat": ".3f"}
    made = figure(400, margin={"l": 110, "r": 60, "t": 90, "b": 30})
    line = {"color": scores[::-1], "colorscale": SCALE, "cmin": min(scores), "cmax": max(scores)}
    labels = {"labelangle": -18, "labelside": "top", "labelfont": {"size": 12}}
    made.add_trace(Parcoords(line=line, dimensions=[*axes, score], **labels))
    return made


def _axis(parameter: Parameter, trials: Sequence[Trial]) -> Axis:
    return axis(parameter, [trial.flat.get(parameter.name) for trial in trials])


def axis(parameter: Parameter, values: Sequence[Any]) -> Axis:
    """The axis of a parameter: in logarithms for a log range, places for a choice."""
    known = [value for value in values if value is not None]
    if parameter.kind == "choice" or not known or not all(map(is_number, known)):
        return {"label": parameter.label, **_places(values)}
    if parameter.kind == "log" and min(known) > 0:
        ticks = LogLocator(subs=(1, 2, 5)).tick_values(min(known), max(known))
        return {"label": parameter.label, **_scaled(values, ticks, math.log10)}
    ticks = MaxNLocator(TICKS, integer=parameter.kind == "int").tick_values(min(known), max(known))
    return {"label": parameter.label, **_scaled(values, ticks, float)}


def _places(values: Sequence[Any]) -> Axis:
    """Categories as whole numbers in their order, numbers before words."""
    kinds = sorted({short(value): value for value in values}.items(), key=_order)
    names = [name for name, _ in kinds]
    texts = [MISSING if value is None else name for name, value in kinds]
    places = [names.index(short(value)) for value in values]
    edges = [-0.5, len(names) - 0.5]
    return {"values": places, "tickvals": [*range(len(names))], "ticktext": texts, "range": edges}


def _order(kind: tuple[str, Any]) -> tuple[int, float, str]:
    name, value = kind
    if value is None:
        return 0, 0.0, name
    return (1, float(value), name) if is_number(value) else (2, 0.0, name)


def _scaled(
    values: Sequence[float | None], ticks: Sequence[float], scale: Callable[[float], float]
) -> Axis:
    """Numbers at their places; those that are missing lie below the lowest."""
    known = [value for value in values if value is not None]
    low, high = scale(min(known)), scale(max(known))
    gap = (high - low) or 1.0
    missing, lost = low - 0.15 * gap, len(known) < len(values)
    inside = [tick for tick in ticks if min(known) <= tick <= max(known)] or [known[0]]
    return {
        "values": [missing if value is None else scale(value) for value in values],
        "tickvals": [missing] * lost + [scale(tick) for tick in inside],
        "ticktext": [MISSING] * lost + [f"{tick:.4g}" for tick in inside],
        "range": [low - (0.2 if lost else 0.02) * gap, high + 0.02 * gap],
    }
