"""Whether the ensemble is better than its best single member, in one sentence of numbers."""

import numpy as np

from ensemble.evaluation import TITLES, TierScores
from ensemble.selection import Selection


def verdict(selection: Selection, scores: tuple[TierScores, ...], added: int = 0) -> str:
    """The sentence, about the first evaluated tier and every other one that differs from it.

    `added` members take part without having been chosen by a held-out score.
    """
    if added:
        return _with_added(selection, scores, added)
    if selection.chosen == 1:
        place = _told(scores[0].best_single, scores[0]) if scores else _held_out(selection)
        only = f"the ensemble is one model, run {selection.prefixes[0].label} ({place})"
        sentence = f"{only}, and so not above its best single member: {selection.reason}"
        return sentence + (_beside_floor(scores[0]) if scores else "")
    if not scores:
        return (
            f"the ensemble of {selection.chosen} is above its best single member on the trials it "
            f"was chosen on ({selection.reason}); no other trials with known responses"
        )
    first, others = scores[0], scores[1:]
    sentence = f"the ensemble of {selection.chosen} scores {_comparison(first)}"
    if first.gain <= 0:
        sentence += f": {why_not(selection, first)}"
    different = [each for each in others if (each.gain > 0) != (first.gain > 0)]
    if different:
        sentence += "; but " + ", ".join(_comparison(each) for each in different)
    return sentence + _beside_floor(first)


def _with_added(selection: Selection, scores: tuple[TierScores, ...], added: int) -> str:
    """The sentence where some members have no held-out score."""
    members = f"the ensemble of {selection.chosen + added}, {added} of them imported,"
    if not scores:
        return (
            f"{members} cannot be judged: its trials with known responses may have been learnt from"
        )
    first = "the first of them" if not selection.chosen else "its best chosen member"
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
        f"its number of members was chosen on other trials ({selection.reason}), and here the "
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
    return f"{selection.best.mean:.4f} on the held-out fold"
