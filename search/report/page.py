"""The page: all sections of a report in one HTML file, with plotly's script in it once."""

from pathlib import Path

from models.files import write_bytes
from models.pages import Section, page
from search.report.best import again, best_table
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


def write_report(home: Path, name: str, place: Path | None = None) -> Path:
    """Write the report of a search, by default into its folder, and give its path.

    Raises RunError for an unknown search, StorageError where the file cannot be written.
    """
    history = read_history(home, name)
    place = place or history.folder / FILE
    write_bytes(place, rendered(history, place).encode())
    return place


def sections(history: History, place: Path) -> list[Section]:
    """All parts in their order; one that has no data says so."""
    several = len(history.plan.objectives) > 1
    return [
        Section("best", "Best trials", [best_table(history, place)]),
        *([Section("front", "Pareto front", pareto_front(history, place))] if several else []),
        Section("curves", "Learning curves", learning_curves(history)),
        Section("parameters", "Parameters and scores", parallel_coordinates(history)),
        Section("importance", "Parameter importance", importance(history)),
        Section("rungs", "Rungs", rungs(history)),
        Section("budget", "Use of the budget", budget(history)),
        Section("failures", "Failures", failures(history)),
        Section("again", "The best trial again", again(history)),
    ]


def rendered(history: History, place: Path) -> str:
    """The HTML of a page that will lie at `place`."""
    title = f"Search {history.plan.name}"
    return page(title, overview(history), sections(history, place))
