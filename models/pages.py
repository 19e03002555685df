"""A page of figures and tables in one HTML file: what it is made of, and how it looks."""

import datetime
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.io import to_html
from plotly.offline import get_plotlyjs

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
"""Colours that colour-blind eyes can tell apart, after Okabe and Ito (2008)."""
PALE, GREY, INK, GRID = "#CFE2EF", "#999999", "#222222", "#E5E5E5"
SCALE = ((0.0, "#F3F8F1"), (0.3, "#BFE3B4"), (0.6, "#41B6C4"), (0.85, "#225EA8"), (1.0, "#081D58"))
"""From little to much: the larger, the darker."""
FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
SETTINGS = {
    "displaylogo": False,
    "responsive": True,
    # Nothing leaves the page by a click on a button.
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


@dataclass(frozen=True)
class Link:
    """A cell of a table that leads somewhere."""

    text: str
    address: str


Cell = str | Link


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Facts:
    """Names, each with its value."""

    pairs: Sequence[tuple[str, str]]
    title: str = ""
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Table:
    """Rows under column heads; the first `left` columns and the last `words` hold words.

    Those at the places `wide` may go over several lines.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    left: int = 1
    words: int = 0
    wide: Sequence[int] = ()
    title: str = ""
    kind: ClassVar[str] = "table"

    def look(self, column: int) -> str:
        """The style of a column: number, wide, or word."""
        if self.left <= column < len(self.columns) - self.words:
            return "number"
        return "wide" if column in self.wide else "word"


@dataclass(frozen=True)
class Chart:
    """A figure with the words above it."""

    figure: go.Figure
    title: str = ""
    kind: ClassVar[str] = "chart"


@dataclass(frozen=True)
class Code:
    """Text in the letters of a terminal, as it is."""

    text: str
    kind: ClassVar[str] = "code"


Block = Note | Facts | Table | Chart | Code


@dataclass(frozen=True)
class Section:
    """A part of the page with a place in its table of contents."""

    key: str
    """The section's address in the page."""
    title: str
    blocks: Sequence[Block]


def page(title: str, facts: Facts, sections: Sequence[Section], lead: str = "") -> str:
    """The HTML of a page that needs nothing else; `lead` is the sentence under its title."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html").render(
        title=title,
        lead=lead,
        facts=facts,
        sections=sections,
        made=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M}",
        plotly=Markup(get_plotlyjs()),
        drawn=drawn,
        is_link=lambda cell: isinstance(cell, Link),
    )


def drawn(chart: Chart) -> Markup:
    """A figure as HTML that needs plotly's script before it; to_html escapes what is in it."""
    made = to_html(
        chart.figure,
        config=SETTINGS,
        include_plotlyjs=False,
        full_html=False,
        default_height=f"{chart.figure.layout.height}px",
    )
    return Markup(made)


def figure(height: int, made: go.Figure | None = None, **layout: Any) -> go.Figure:
    """An empty white figure of so many pixels in height, or `made` with the same look."""
    made = go.Figure() if made is None else made
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


def plain(text: str) -> str:
    """Text for a figure, in which neither HTML nor plotly's %{} means anything."""
    return html.escape(text[:200]).replace("%{", "% {")
