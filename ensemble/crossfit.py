"""What rules are worth: scores on blocks that they were not fitted to, and the simplest good rule.

The in-sample score of fitted weights is too high: they also fit the noise of the trials they were
chosen on. Here a rule is fitted to some blocks and scored on the others, until each was held out
once. The rule to use is the simplest whose cross-fitted score is within one standard error of the
best one's; the error is that of their difference on the same blocks, which is far smaller than that
of a score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.moments import Moments
from ensemble.rules.crew import TIE
from ensemble.rules.rule import Rule
from ensemble.rules.weights import Weights
from ensemble.splits import Fold, HeldOut, jackknife_error, splits

FOLDS = 10


@dataclass(frozen=True)
class Row:
    """A rule in the table. What cannot be told is NaN: with a single block, all but `in_sample`."""

    rule: str
    complexity: int
    members: int
    """That have a weight when the rule is fitted to all blocks."""
    in_sample: float
    """Fitted to all blocks and scored on them."""
    cross_fitted: float
    error: float
    """Standard error of `cross_fitted`: jackknife over blocks, with the weights as they are."""
    behind: float
    """How far `cross_fitted` is below that of the best rule; 0 of that one."""
    behind_error: float
    """Standard error of `behind`, over the same blocks."""

    @property
    def optimism(self) -> float:
        """How much better the rule looks on the blocks that it was fitted to."""
        return self.in_sample - self.cross_fitted


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every rule, in the order in which they were given, and the weights of the one to use."""

    rows: tuple[Row, ...]
    used: Row
    best: Row
    """The one with the best cross-fitted score; the one to use where none is known."""
    weights: Weights
    """Fitted to all blocks."""
    folds: int
    """0 where there is but one block."""
    asked_for: bool = False
    """Whether the rule to use was not chosen by its score."""

    @property
    def reason(self) -> str:
        """Why it is that rule, in numbers."""
        used, best = self.used, self.best
        if not self.folds:
            return f"{used.rule}: one block of trials cannot be split to compare rules"
        told = f"{used.rule}, {used.cross_fitted:.4f} on blocks that it was not fitted to"
        if used is best:
            return f"{told}, the best of {len(self.rows)} rule{'s' if len(self.rows) > 1 else ''}"
        gap = f"{used.behind:.4f} behind, standard error {used.behind_error:.4f}"
        if self.asked_for:
            return f"{told}, as asked for; the best is {best.rule} ({gap})"
        return f"{told}: the simplest within one standard error of the best, {best.rule} ({gap})"


def compare(
    moments: Mapping[str, Moments], rules: Sequence[Rule], folds: int = FOLDS
) -> Comparison:
    """Cross-fit every rule over the blocks of all mice, and choose one.

    The chosen rule's score is the best of a few, or near it; that optimism is not corrected. Raises
    ValueError without a rule, for less than two folds, and for moments that a rule refuses.
    """
    if not rules or folds < 2:
        message = "at least one rule is compared, in at least two folds"
        raise ValueError(f"{message}; found {len(rules)} and {folds}")
    parts = splits(moments, folds)
    boards = cross_fitted(moments, rules, parts)
    tried = [_tried(moments, *each) for each in zip(rules, boards, strict=True)]
    scores = [each.score for each in tried]
    best = int(np.argmax(scores)) if parts else _simplest(rules, range(len(rules)))
    rows = tuple(_row(each, tried[best]) for each in tried)
    near = [i for i, row in enumerate(rows) if row.behind <= row.behind_error + TIE]
    used = _simplest(rules, near or [best])
    return Comparison(rows, rows[used], rows[best], tried[used].weights, len(parts))


def in_sample(moments: Mapping[str, Moments], weights: Weights) -> float:
    """The competition's score of these weights on these moments: the mean over mice with a frame."""
    heard = {mouse: each for mouse, each in moments.items() if not each.is_empty}
    return float(np.mean([each.score(weights.of(mouse)) for mouse, each in heard.items()]))


def cross_fitted(
    moments: Mapping[str, Moments], rules: Sequence[Rule], parts: Sequence[Fold]
) -> list[HeldOut]:
    """For each rule, every fold under the weights that the rule has from the others.

    Fold by fold, because the sums over the other folds cost more than most rules do with them.
    """
    boards = [HeldOut() for _ in rules]
    for fold in parts:
        rest = {mouse: each.of_blocks(fold.rest) for mouse, each in moments.items()}
        for rule, board in zip(rules, boards, strict=True):
            board.add(moments, fold.held, rule.fit(rest).of)
    return boards


@dataclass(frozen=True, eq=False)
class _Tried:
    """What came of one rule."""

    rule: Rule
    weights: Weights
    in_sample: float
    score: float
    without: Mapping[str, float]
    """The cross-fitted score without each block."""


def _tried(moments: Mapping[str, Moments], rule: Rule, board: HeldOut) -> _Tried:
    weights = rule.fit(moments)
    score = in_sample(moments, weights)
    return _Tried(rule, weights, score, board.score(), board.without_each())


def _row(tried: _Tried, best: _Tried) -> Row:
    apart = [best.without[block] - value for block, value in tried.without.items()]
    return Row(
        rule=tried.rule.name,
        complexity=tried.rule.complexity,
        members=len(tried.weights.used),
        in_sample=tried.in_sample,
        cross_fitted=tried.score,
        error=jackknife_error(tried.without.values()),
        behind=best.score - tried.score,
        behind_error=jackknife_error(apart),
    )


def _simplest(rules: Sequence[Rule], places: Sequence[int]) -> int:
    return min(places, key=lambda place: (rules[place].complexity, place))
