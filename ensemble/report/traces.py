"""Example traces: response, spread of the members, and ensemble of a few neurons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from ensemble.cross_products import Array64
from ensemble.heldout import MemberReader, common_folds
from ensemble.report.gains import Gains
from ensemble.report.names import short_mice
from models.metrics import Array, scored_frames
from models.pages import BLUE, INK, Block, Chart, Note, figure, plain
from models.recordings.session import Session

PERCENTILES = (90, 50, 10)
"""Of the neurons by the ensemble's correlation: those that are drawn."""
MICE = 2
"""Mice drawn."""
RATE = 30
"""Frames a second."""
BAND = "rgba(0, 114, 178, 0.25)"


@dataclass(frozen=True, eq=False)
class Traces:
    """K neurons of one mouse in the F scored frames of one trial, raw units."""

    mouse: str
    trial: int
    neurons: tuple[int, ...]
    """Their places in the arrays."""
    correlations: tuple[float, ...]
    """The ensemble's, over all held-out trials."""
    first: int
    """The first scored frame."""
    response: Array
    """(K, F)"""
    members: Array
    """(M, K, F)"""
    ensemble: Array64
    """(K, F)"""


def traces(gains: Gains, sessions: Sequence[Session], mice: Sequence[str]) -> list[Block]:
    """The figure of the first of these mice; one sentence where there is nothing to draw."""
    wanted = [session for session in sessions if session.name in gains.mice]
    wanted.sort(key=lambda session: session.name not in mice)
    found = list(_read(gains, wanted[:MICE]))
    if not found:
        return [Note(gains.missing or "No held-out trial has a scored frame.")]
    trials = " and ".join(f"trial {each.trial} of {each.mouse}" for each in found)
    words = (
        f"The scored frames of {trials}, which no member was trained on there; the first such "
        "trial of each mouse. Neurons are those at the 90th, 50th and 10th percentile of the "
        "ensemble's correlation over all held-out trials, which is the number above each panel. The "
        "band reaches from the lowest member to the highest."
    )
    return [Note(words), Chart(traces_figure(found))]


def _read(gains: Gains, sessions: Sequence[Session]) -> Iterator[Traces]:
    for session in sessions:
        folds = common_folds(gains.members)
        readers = [MemberReader.of(each, session.name, folds) for each in gains.members]
        for trial in readers[0].runs:
            frames = scored_frames(session.length(trial))
            response = session.responses(trial)
            if response is not None and response[:, frames].size:
                members = np.stack([reader.predict(trial) for reader in readers])
                yield _traces(gains, session.name, trial, members, response)
                break


def _traces(gains: Gains, mouse: str, trial: int, members: Array, response: Array) -> Traces:
    correlation, frames = gains.mice[mouse].ensemble, scored_frames(response.shape[1])
    neurons = at_percentiles(correlation)
    weights = gains.weights.of(mouse)
    own = weights[neurons] if weights.ndim == 2 else np.tile(weights, (len(neurons), 1))
    shown = members[:, neurons, frames]
    return Traces(
        mouse,
        trial,
        tuple(neurons),
        tuple(correlation[neurons].tolist()),
        frames.start,
        response[neurons, frames],
        shown,
        np.einsum("km,mkf->kf", own, shown),
    )


def at_percentiles(correlation: Array64) -> list[int]:
    """The places of the neurons that are nearest to PERCENTILES, each once; of ties the first."""
    order = np.argsort(correlation, kind="stable")
    places = [order[round(share / 100 * (len(order) - 1))] for share in PERCENTILES]
    return list(dict.fromkeys(int(place) for place in places))


def traces_figure(found: Sequence[Traces]) -> Figure:
    """A row a neuron, a column a mouse."""
    names, down = short_mice([each.mouse for each in found]), max(len(t.neurons) for t in found)
    titles = {
        (row, column): f"{plain(names[each.mouse])}, neuron {neuron}: {correlation:.3f}"
        for column, each in enumerate(found)
        for row, (neuron, correlation) in enumerate(
            zip(each.neurons, each.correlations, strict=True)
        )
    }
    places = [(row, column) for row in range(down) for column in range(len(found))]
    made = make_subplots(
        rows=down,
        cols=len(found),
        subplot_titles=[titles.get(place, "") for place in places],
        horizontal_spacing=0.06,
        vertical_spacing=0.24 / down,
        shared_xaxes="columns",
    )
    made = figure(110 + 190 * down, made)
    for row, column in titles:
        lines = _lines(found[column], row, legend=(row, column) == (0, 0))
        made.add_traces(lines, rows=row + 1, cols=column + 1)
    made.update_annotations(font_size=14)
    made.update_xaxes(title_text="time in the trial, seconds", row=down)
    made.update_yaxes(title_text="response, raw units", col=1, rangemode="tozero")
    made.update_layout(legend={"y": 1.0 + 40 / made.layout.height})
    return made


def _lines(each: Traces, row: int, legend: bool) -> list[Scatter]:
    """Response, band and ensemble of one neuron."""
    seconds = np.round((each.first + np.arange(each.response.shape[1])) / RATE, 3).tolist()

    def line(values: Array, name: str, **look: object) -> Scatter:
        drawn = [float(f"{value:.4g}") for value in values]
        return Scatter(
            x=seconds, y=drawn, name=name, legendgroup=name, mode="lines", showlegend=legend, **look
        )

    low, high = each.members[:, row].min(axis=0), each.members[:, row].max(axis=0)
    lowest = line(low, "members", line={"width": 0}, hoverinfo="skip").update(showlegend=False)
    band = line(
        high, "members", line={"width": 0}, fill="tonexty", fillcolor=BAND, hoverinfo="skip"
    )
    return [
        line(each.response[row], "response", line={"color": INK, "width": 1}),
        lowest,
        band.update(name="lowest to highest member"),
        line(each.ensemble[row], "ensemble", line={"color": BLUE, "width": 2}),
    ]
