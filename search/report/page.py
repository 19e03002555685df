"""The page: all sections of a report in one HTML file, with plotly's script in it once."""

from pathlib import Path

import jinja2
from markupsafe import Markup
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from models.files import write_bytes
from search.plan import now
from search.report.best import again, best_table
from search.report.blocks import Chart, Link, Section
from search.report.budget import budget
from search.report.curves import learning_curves
from search.report.failures import failures
from search.report.front import pareto_front
from search.report.history import History, read_history
from search.report.importance import importance
from search.report.overview import overview
from search.report.parallel import parallel_coordinates
from search.report.rungs import rungs

FILE = "report.html"
SETTINGS = {
    "displaylogo": False,
    "responsive": True,
    # Nothing of a search leaves the page by a click on a button.
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def write_report(home: Path, name: str, page: Path | None = None) -> Path:
    """Write the report of a search, by default into its folder, and give its path.

    Raises RunError for an unknown search, StorageError where the file cannot be written.
    """
    history = read_history(home, name)
    page = page or history.folder / FILE
    write_bytes(page, rendered(history, page).encode())
    return page


def sections(history: History, page: Path) -> list[Section]:
    """All parts in their order; one that has no data says so."""
    several = len(history.plan.objectives) > 1
    return [
        Section("best", "Best trials", [best_table(history, page)]),
        *([Section("front", "Pareto front", pareto_front(history, page))] if several else []),
        Section("curves", "Learning curves", learning_curves(history)),
        Section("parameters", "Parameters and scores", parallel_coordinates(history)),
        Section("importance", "Parameter importance", importance(history)),
        Section("rungs", "Rungs", rungs(history)),
        Section("budget", "Use of the budget", budget(history)),
        Section("failures", "Failures", failures(history)),
        Section("again", "The best trial again", again(history)),
    ]


def rendered(history: History, page: Path) -> str:
    """The HTML of a page that will lie at `page`."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html").render(
        name=history.plan.name,
        facts=overview(history),
        sections=sections(history, page),
        made=now()[:16].replace("T", " "),
        plotly=Markup(get_plotlyjs()),
        drawn=drawn,
        is_link=lambda cell: isinstance(cell, Link),
    )


def drawn(chart: Chart) -> Markup:
    """A figure as HTML that needs plotly's script before it; to_html escapes what is in it."""
    height = f"{chart.figure.layout.height}px"
    made = to_html(
        chart.figure,
        config=SETTINGS,
        include_plotlyjs=False,
        full_html=False,
        default_height=height,
    )
    return Markup(made)
