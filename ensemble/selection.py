"""Which members with which weights: every rule is compared on the held-out moments, and one is used.

Pure: moments in, a choice out. All scores are single-trial correlations in raw units.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensemble.cross_products import Array64
from ensemble.crossfit import Comparison, Row, compare
from ensemble.moments import Moments
from ensemble.rules import WORDS, Limits, Weights, every_rule
from ensemble.rules.crew import Crew
from ensemble.rules.weights import equal


@dataclass(frozen=True)
class RuleScore:
    """A rule in the table; None where something cannot be told, as with a single block of trials."""

    rule: str
    members: int
    in_sample: float
    """Fitted to all blocks and scored on them: too good."""
    cross_fitted: float | None
    """Scored on blocks that it was not fitted to."""
    error: float | None
    """Standard error of `cross_fitted`, over blocks."""
    behind: float | None
    """How far `cross_fitted` is below the best rule's."""
    behind_error: float | None

    @property
    def optimism(self) -> float | None:
        """How much better the rule looks on the blocks that it was fitted to."""
        return None if self.cross_fitted is None else self.in_sample - self.cross_fitted


@dataclass(frozen=True)
class CandidateScore:
    """A candidate on the held-out trials, and in the plain mean of the best so many."""

    label: str
    single: float
    """Alone."""
    together: float
    """The plain mean of it and all better ones, in-sample."""
    worth: float | None
    """How much the plain mean of all falls without it; None of a single candidate."""
    weight: float
    """That it is given, mean over neurons and mice."""


@dataclass(frozen=True)
class Selection:
    """How members and weights were chosen; without any candidate all is empty."""

    candidates: tuple[CandidateScore, ...] = ()
    """The best on the held-out trials first."""
    rules: tuple[RuleScore, ...] = ()
    """The simplest first."""
    used: str = ""
    """The rule."""
    reason: str = ""
    """Why it is that one, in numbers."""
    similarity: tuple[tuple[float, ...], ...] = ()
    """Correlations of the candidates with each other, in their order; mean over neurons and mice."""
    blocks: int = 0
    """Of trials that the rules were compared on."""

    @property
    def chosen(self) -> int:
        """How many members have a weight."""
        return sum(candidate.weight > 0 for candidate in self.candidates)

    @property
    def best(self) -> CandidateScore:
        """The best single one."""
        return self.candidates[0]

    @property
    def rule(self) -> RuleScore:
        """The one that is used."""
        return next(rule for rule in self.rules if rule.rule == self.used)


def select(
    moments: Mapping[str, Moments],
    labels: Sequence[str],
    limits: Limits,
    rule: str | None = None,
) -> tuple[Selection, Weights]:
    """The rule to use, or that of the word that is asked for, and its weights for the members in order.

    Raises ValueError for limits that admit nobody, or no held-out frame at all.
    """
    compared = compare(moments, every_rule(limits))
    if rule is not None:
        compared = _asked_for(compared, moments, limits, rule)
    return _selection(compared, moments, labels), compared.weights


def _asked_for(
    compared: Comparison, moments: Mapping[str, Moments], limits: Limits, rule: str
) -> Comparison:
    kind = WORDS[rule]
    row = next(row for row in compared.rows if row.rule == kind.name)
    weights = kind(limits=limits).fit(moments)
    return replace(compared, used=row, weights=weights, asked_for=True)


def _selection(
    compared: Comparison, moments: Mapping[str, Moments], labels: Sequence[str]
) -> Selection:
    crew = Crew.of(moments)
    worth = np.mean([crew.moments[mouse].leave_one_out() for mouse in crew.moments], axis=0)
    weights = mean_weights(compared.weights, list(crew.moments))
    count = crew.members
    candidates = tuple(
        CandidateScore(
            labels[member],
            float(crew.singles[member]),
            crew.score(equal(crew.ranking[:place], count)),
            _known(worth[member]),
            float(weights[member]),
        )
        for place, member in enumerate(crew.ranking, start=1)
    )
    between = np.mean([each.between_members() for each in crew.covariances.values()], axis=0)
    ordered = between[np.ix_(crew.ranking, crew.ranking)]
    return Selection(
        candidates,
        tuple(_rule_score(row) for row in compared.rows),
        compared.used.rule,
        compared.reason,
        tuple(tuple(map(float, row)) for row in ordered),
        len({block for each in crew.moments.values() for block, _ in each.each_block()}),
    )


def mean_weights(weights: Weights, mice: Sequence[str]) -> Array64:
    """(M,) over the mice, each the mean over its neurons."""
    each = [weights.of(mouse) for mouse in mice]
    means = [own if own.ndim == 1 else own.mean(axis=0) for own in each]
    return np.asarray(np.mean(means, axis=0), dtype=np.float64)


def _rule_score(row: Row) -> RuleScore:
    known = (_known(v) for v in (row.cross_fitted, row.error, row.behind, row.behind_error))
    return RuleScore(row.rule, row.members, row.in_sample, *known)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
