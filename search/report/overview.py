"""The head of a report: what was asked for, what came of it, and what it took."""

import math
from collections import Counter

from models.pages import Facts
from search.report.history import History
from search.report.look import WORDS

LIMITS = {"trials": "trials", "hours": "hours", "gpu_hours": "GPU-hours"}
"""Limits by their names in a plan."""


def overview(history: History) -> Facts:
    """The search in some facts."""
    plan = history.plan
    return Facts(
        [
            ("space", plan.space),
            ("data", str(plan.data)),
            ("code", plan.commit),
            ("begun", _moment(plan.created)),
            ("ended", ended(history)),
            ("seed", str(plan.seed)),
            *([("objectives", ", ".join(plan.objectives))] if len(plan.objectives) > 1 else []),
            ("trials", outcomes(history)),
            ("best", best(history)),
            ("floor", floor(history)),
            ("used", used(history)),
        ]
    )


def ended(history: History) -> str:
    """When and why."""
    plan = history.plan
    if plan.ended is None:
        return "not yet: it is running, or was lost"
    return f"{_moment(plan.ended)}: {plan.reason}" if plan.reason else _moment(plan.ended)


def _moment(text: str) -> str:
    """An ISO time in UTC, to the minute."""
    return text[:16].replace("T", " ") + " UTC"


def outcomes(history: History) -> str:
    """How many trials ended in which way, of how many that were asked for."""
    counts = Counter(each.state for each in history.trials)
    words = [f"{counts[state]} {word}" for state, word in WORDS.items() if counts[state]]
    most = f" of {history.plan.limits.trials}" if history.plan.limits.trials else ""
    begun = f"{len(history.trials)}{most} begun"
    return f"{begun}: {', '.join(words)}" if words else begun


def best(history: History) -> str:
    """The best trial with its full budget, and its score."""
    ranked = history.ranked()
    if not ranked:
        return "none yet: no trial has trained its full budget"
    return f"{ranked[0].score:.4f}: trial {ranked[0].number}, {ranked[0].family}"


def floor(history: History) -> str:
    """The score of the linear model beside the search."""
    if history.floor is None:
        return "not trained" if not history.plan.floor else "not there yet"
    score = floor_score(history)
    return f"{history.floor.state}: {history.floor.reason}" if score is None else f"{score:.4f}"


def floor_score(history: History) -> float | None:
    """The floor's score once it has trained its full budget; None else."""
    status = history.floor
    if status is None or status.state != "complete" or status.score is None:
        return None
    return status.score if math.isfinite(status.score) else None


def used(history: History) -> str:
    """The hours of all runs, and the limits that the search was given."""
    spent = f"{hours_text(history.hours.total)} {history.unit}, the floor's among them"
    limits = history.plan.limits.model_dump()
    asked = [f"{limits[name]:g} {word}" for name, word in LIMITS.items() if limits[name]]
    return f"{spent}; limits: {', '.join(asked)}" if asked else spent


def hours_text(hours: float) -> str:
    """Hours with three digits that matter; whole from 100 on."""
    return f"{hours:.0f}" if hours >= 100 else f"{hours:.3g}"
