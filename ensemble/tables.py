"""What the command line prints as tables."""

from collections.abc import Callable, Sequence

from rich.table import Table

from ensemble.chosen import Ensemble
from ensemble.evaluation import TITLES, TierScores
from ensemble.numbers import number, with_error
from ensemble.selection import Selection
from models.console import table, uncut


def rules_table(selection: Selection) -> Table:
    """A line a rule, the simplest first; the one that is used is marked."""
    title = f"Ways to weight {len(selection.candidates)} candidates, held-out trials, raw units"
    made = table(title, "rule", "n", "in-sample", "cross-fitted", "optimism", "behind the best")
    for each in selection.rules:
        made.add_row(
            f"{each.rule} (used)" if each.rule == selection.used else each.rule,
            str(each.members),
            f"{each.in_sample:.4f}",
            with_error(each.cross_fitted, each.error),
            number(each.optimism, "+.4f"),
            with_error(each.behind, each.behind_error),
        )
    return uncut(made)


def members_table(ensemble: Ensemble) -> Table:
    """A line a member that was chosen."""
    made = table(
        "Members, by their score on the held-out trials",
        "member",
        "alone",
        "together",
        "worth",
        "weight",
    )
    for each in ensemble.selection.candidates:
        if each.weight > 0:
            numbers = (f"{each.single:.4f}", f"{each.together:.4f}", number(each.worth, "+.4f"))
            made.add_row(each.label, *numbers, f"{each.weight:.3f}")
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
        ("their plain mean", lambda each: each.plain),
        (f"ensemble of {members}", lambda each: each.ensemble),
        ("ceiling", lambda each: each.ceiling),
    ]
    for name, value in rows:
        _add(made, name, [value(each) for each in scores], ".4f")
    _add(made, "ensemble / ceiling", [each.share for each in scores], ".0%")
    return made


def _add(made: Table, name: str, values: Sequence[float | None], form: str) -> None:
    """A row of numbers; none at all where there is no number in it."""
    if any(value is not None for value in values):
        made.add_row(name, *("-" if value is None else format(value, form) for value in values))
