"""Whether the ensemble is better than its best single member, in one sentence of numbers."""

import numpy as np

from ensemble.chosen import Ensemble
from ensemble.evaluation import TITLES, TierScores
from ensemble.selection import Selection


def verdict(ensemble: Ensemble, scores: tuple[TierScores, ...]) -> str:
    """The sentence, about the first evaluated tier and every other one that differs from it."""
    if ensemble.added:
        return _with_added(ensemble, scores)
    if ensemble.chosen == 1:
        return _single(ensemble, scores)
    if not scores:
        return (
            f"the ensemble of {ensemble.chosen} scores {_held_out(ensemble.selection)}; "
            "no other trials with known responses"
        )
    first, others = scores[0], scores[1:]
    sentence = f"the ensemble of {ensemble.chosen} scores {_comparison(first)}"
    if first.gain <= 0:
        sentence += f": {why_not(ensemble.selection, first)}"
    different = [each for each in others if (each.gain > 0) != (first.gain > 0)]
    if different:
        sentence += "; but " + ", ".join(_comparison(each) for each in different)
    return sentence + _beside_floor(first)


def _single(ensemble: Ensemble, scores: tuple[TierScores, ...]) -> str:
    place = _told(scores[0].best_single, scores[0]) if scores else _held_out(ensemble.selection)
    only = f"the ensemble is one model, run {ensemble.members[0].label} ({place})"
    few = len(ensemble.selection.candidates) == 1
    why = "only one run can take part" if few else ensemble.selection.reason
    sentence = f"{only}, and so not above its best single member: {why}"
    return sentence + (_beside_floor(scores[0]) if scores else "")


def _with_added(ensemble: Ensemble, scores: tuple[TierScores, ...]) -> str:
    """The sentence where some members have no held-out score."""
    members = f"the ensemble of {len(ensemble.members)}, {ensemble.added} of them imported,"
    if not scores:
        return (
            f"{members} cannot be judged: its trials with known responses may have been learnt from"
        )
    first = "its best chosen member" if ensemble.chosen else "the first of them"
    told = [f"{_told(each.ensemble, each)} ({first}: {each.best_single:.4f})" for each in scores]
    return f"{members} scores {', '.join(told)}{_beside_floor(scores[0])}"


def why_not(selection: Selection, scores: TierScores) -> str:
    """Why an ensemble of several members is not above the best of them, as far as numbers tell."""
    spread = float(np.std(scores.members, ddof=1))
    if -scores.gain <= spread:
        return (
            f"the difference of {-scores.gain:.4f} is within the spread of its members' scores "
            f"(standard deviation {spread:.4f})"
        )
    low, high = min(scores.members), max(scores.members)
    return (
        f"its weights were chosen on other trials ({selection.reason}), and here the "
        f"weaker members pull it down: they score {low:.4f} to {high:.4f}"
    )


def _beside_floor(scores: TierScores) -> str:
    """A warning where the linear model is as good."""
    if scores.floor is None or scores.floor < scores.ensemble:
        return ""
    return f"; the floor, a linear model, is no worse ({_told(scores.floor, scores)})"


def _comparison(scores: TierScores) -> str:
    word = "above" if scores.gain > 0 else "not above"
    mine = _told(scores.ensemble, scores)
    return f"{mine}, {word} its best single member ({scores.best_single:.4f})"


def _told(score: float, scores: TierScores) -> str:
    return f"{score:.4f} on {TITLES[scores.tier]}"


def _held_out(selection: Selection) -> str:
    """Of trials that it was not fitted to, where there are such; beside the best member's."""
    rule, single = selection.rule, f"the best member alone {selection.best.single:.4f}"
    if rule.cross_fitted is None:
        return f"{rule.in_sample:.4f} on the held-out trials that it was chosen on ({single})"
    return f"{rule.cross_fitted:.4f} on held-out trials, cross-fitted ({single})"
