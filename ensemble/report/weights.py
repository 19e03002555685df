"""The weights of the members: of all mice alike, of each mouse, or of each neuron."""

from collections.abc import Sequence

import numpy as np
from plotly.graph_objects import Bar, Box, Figure, Scatter

from ensemble.cross_products import Array64
from ensemble.manifest import Manifest
from ensemble.report.names import short_mice
from ensemble.rules.weights import Weights
from models.pages import BLUE, INK, ORANGE, PALE, Block, Chart, Note, figure, plain

WORDS = {
    "shared": "All mice and neurons have the same weights.",
    "mouse": "Each mouse has weights of its own: bars are means over mice, dots are mice.",
    "neuron": (
        "Each neuron has weights of its own. Boxes hold the middle half of the neurons of all "
        "mice with the median as a line, whiskers reach to the 5 % and the 95 % neuron; diamonds "
        "are means over mice."
    ),
}


def weights(manifest: Manifest) -> list[Block]:
    """The figure of the scored mice, with a sentence about its kind."""
    labels = [plain(each.label) for each in manifest.members]
    made = weights_figure(manifest.weights.weights, labels, manifest.mice)
    return [Note(WORDS[kind(manifest.weights.weights, manifest.mice)]), Chart(made)]


def kind(found: Weights, mice: Sequence[str]) -> str:
    """Whose own the weights of these mice are: 'shared', 'mouse' or 'neuron'."""
    each = [found.own[mouse] for mouse in mice if mouse in found.own]
    if not each:
        return "shared"
    return "neuron" if any(own.ndim == 2 for own in each) else "mouse"


def weights_figure(found: Weights, labels: Sequence[str], mice: Sequence[str]) -> Figure:
    """A bar a member with a dot a mouse, or a box of neurons."""
    made = figure(
        380, xaxis_title="member", yaxis_title="weight (all add up to 1)", boxmode="group"
    )
    made.update_xaxes(type="category", showgrid=False)
    made.update_yaxes(rangemode="tozero")
    means = np.array([each.reshape(-1, len(labels)).mean(axis=0) for each in map(found.of, mice)])
    whose = kind(found, mice)
    if whose == "neuron":
        made.add_trace(_boxes(found, labels, mice))
        made.add_trace(_means(labels, means.mean(axis=0)))
    else:
        made.add_trace(_bars(labels, means.mean(axis=0)))
    if whose == "mouse":
        made.update_traces(text=None)  # dots lie where the numbers would be
        made.add_trace(_dots(labels, means, mice))
    made.update_layout(showlegend=whose != "shared")
    return made


def _bars(labels: Sequence[str], means: Array64) -> Bar:
    return Bar(
        x=list(labels),
        y=means.tolist(),
        marker={"color": BLUE},
        width=min(0.6, 0.12 * len(labels)),
        text=[f"{mean:.3f}" for mean in means],
        textposition="outside",
        cliponaxis=False,
        name="mean over mice",
        hovertemplate="%{x}: %{y:.4f}<extra></extra>",
    )


def _dots(labels: Sequence[str], means: Array64, mice: Sequence[str]) -> Scatter:
    names = short_mice(mice)
    return Scatter(
        x=[label for label in labels for _ in mice],
        y=means.T.ravel().tolist(),
        customdata=[plain(names[mouse]) for _ in labels for mouse in mice],
        mode="markers",
        marker={"color": ORANGE, "size": 8, "line": {"color": "white", "width": 1}},
        name="a mouse",
        hovertemplate="%{customdata}: %{y:.4f}<extra></extra>",
    )


def _boxes(found: Weights, labels: Sequence[str], mice: Sequence[str]) -> Box:
    """From quantiles, so that the page does not hold a number a neuron."""
    each = [own for own in map(found.of, mice) if own.ndim == 2]
    low, first, middle, third, high = np.percentile(np.vstack(each), (5, 25, 50, 75, 95), axis=0)
    return Box(
        x=list(labels),
        lowerfence=low.tolist(),
        q1=first.tolist(),
        median=middle.tolist(),
        q3=third.tolist(),
        upperfence=high.tolist(),
        line={"color": BLUE},
        fillcolor=PALE,
        name="neurons of all mice",
    )


def _means(labels: Sequence[str], means: Array64) -> Scatter:
    return Scatter(
        x=list(labels),
        y=means.tolist(),
        mode="markers",
        marker={"symbol": "diamond", "color": INK, "size": 9},
        name="mean",
        hovertemplate="%{x}: mean %{y:.4f}<extra></extra>",
    )
