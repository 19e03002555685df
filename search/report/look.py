"""What all figures share: letters, grid, and colours that colour-blind eyes can tell apart."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from search.scoreboard import RowState

COLOURS: Mapping[RowState, str] = {  # after Okabe and Ito (2008); grey for the many
    "complete": "#0072B2",
    "pruned": "#999999",
    "failed": "#D55E00",
    "running": "#009E73",
    "interrupted": "#CC79A7",
}
WENT_ON = "#CFE2EF"
FLOOR_COLOUR = "#222222"
WORDS: Mapping[RowState, str] = {
    "complete": "complete",
    "pruned": "stopped early",
    "failed": "failed",
    "running": "running",
    "interrupted": "interrupted",
}
SCALE = ((0.0, "#BFE3B4"), (0.35, "#41B6C4"), (0.7, "#225EA8"), (1.0, "#081D58"))
"""From weak to good: the good trials are the dark ones."""
FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
INK, GRID = "#222222", "#E5E5E5"


def figure(height: int, **layout: Any) -> go.Figure:
    """An empty white figure of so many pixels in height."""
    made = go.Figure()
    made.update_layout(
        template="none",
        height=height,
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        hoverlabel={"align": "left", "font": {"family": FONT, "size": 12}},
        margin={"l": 70, "r": 25, "t": 40, "b": 60},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    )
    line = {"gridcolor": GRID, "zeroline": False, "linecolor": "#888888", "automargin": True}
    made.update_xaxes(**line, title_standoff=10)
    made.update_yaxes(**line)
    made.update_layout(**layout)
    return made
