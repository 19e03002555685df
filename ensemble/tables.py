"""What the command line prints as tables."""

from collections.abc import Callable, Sequence

from rich.table import Table

from ensemble.evaluation import TITLES, TierScores
from ensemble.naming import SUFFIX
from ensemble.score import FileScore
from ensemble.selection import Selection
from models.console import table


def selection_table(selection: Selection) -> Table:
    """A line a prefix of the ranking; the chosen one is marked."""
    title = "Held-out scores (in-sample: the same trials choose how many runs to average)"
    made = table(title, "top", "last run", "alone", "mean of the top", "")
    for prefix in selection.prefixes:
        mark = "chosen" if prefix.members == selection.chosen else ""
        numbers = (f"{prefix.single:.4f}", f"{prefix.mean:.4f}")
        made.add_row(str(prefix.members), prefix.label, *numbers, mark)
    return made


def evaluation_table(
    scores: Sequence[TierScores], members: int, single: str, normalised: bool
) -> Table:
    """A column a tier; `single` is what the first member alone is called."""
    units = "in the server's units" if normalised else "in raw units"
    title = f"Single-trial correlation on trials that no model was trained on, {units}"
    made = table(title, "", *(TITLES[each.tier] for each in scores))
    rows: list[tuple[str, Callable[[TierScores], float | None]]] = [
        ("floor (linear)", lambda each: each.floor),
        (single, lambda each: each.best_single),
        ("mean of singles", lambda each: each.mean_of_singles),
        (f"ensemble of {members}", lambda each: each.ensemble),
        ("ceiling", lambda each: each.ceiling),
    ]
    for name, value in rows:
        _add(made, name, [value(each) for each in scores], ".4f")
    _add(made, "ensemble / ceiling", [each.share for each in scores], ".0%")
    return made


def score_table(scores: Sequence[FileScore]) -> Table:
    """A line a file, and one for each kind of out-of-distribution stimulus in it."""
    title = "Single-trial correlation as the server computes it"
    made = table(title, "file", "trials", "score", "ceiling", "of it")
    for each in scores:
        name = each.path.name.removesuffix(SUFFIX)
        _add_score(made, name, str(each.trials), each.score, each.ceiling)
        for kind, (score, ceiling) in each.kinds.items():
            _add_score(made, f"  {kind}", "", score, ceiling)
    return made


def _add(made: Table, name: str, values: Sequence[float | None], form: str) -> None:
    """A row of numbers; none at all where there is no number in it."""
    if any(value is not None for value in values):
        made.add_row(name, *("-" if value is None else format(value, form) for value in values))


def _add_score(made: Table, name: str, trials: str, score: float, ceiling: float | None) -> None:
    told = ("-", "-") if not ceiling else (f"{ceiling:.4f}", f"{score / ceiling:.0%}")
    made.add_row(name, trials, f"{score:.4f}", *told)
